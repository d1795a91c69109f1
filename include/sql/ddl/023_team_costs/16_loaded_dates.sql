INSERT INTO ops.team_cost_due (connection_id, usage_date, cause)
SELECT DISTINCT connection_id, usage_date, 'bill' FROM ledger.cost_daily WHERE breakdown = ''
