-- Bills are shared out by other views now: what was recorded is recorded again, and holds until then.
INSERT INTO ops.team_cost_due (connection_id, usage_date, cause)
SELECT DISTINCT connection_id, usage_date, 'read' FROM ledger.team_cost
