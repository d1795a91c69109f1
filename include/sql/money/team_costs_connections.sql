SELECT DISTINCT connection_id FROM ops.team_cost_due
WHERE connection_id = coalesce(%(connection_id)s, connection_id)
ORDER BY connection_id
