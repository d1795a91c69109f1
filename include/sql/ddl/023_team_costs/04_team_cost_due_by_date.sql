CREATE INDEX team_cost_due_by_date ON ops.team_cost_due (connection_id, usage_date, cause)
