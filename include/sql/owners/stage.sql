-- What each team's use cost before the change, on the dates that it may move.
CREATE TEMPORARY TABLE cost_before ON COMMIT DROP AS
SELECT connection_id, report, usage_date, currency, team, app, sum(amount) AS amount
FROM marts.allocated_cost
WHERE usage_date >= %(first)s AND usage_date < %(end)s
GROUP BY connection_id, report, usage_date, currency, team, app
