CREATE INDEX team_cost_by_date ON ledger.team_cost (usage_date)
