-- The teams and dates whose cost is another one after the change; team '' is what nobody owned, or owns.
INSERT INTO ops.restatement (
    connection_id, report, usage_date, table_name, row_key, dimensions, meter, old, new, old_load_id, new_load_id,
    cause, detected_at, breakdown
)
SELECT connection_id, report, usage_date, 'daily_cost_by_team',
    md5('owner/' || jsonb_build_array(currency, team, app)::text)::uuid,
    jsonb_build_object('currency', currency, 'team', team, 'app', app), 'amount', cost_before.amount,
    cost_after.amount, NULL, %(change_id)s, 'owner', %(at)s, 'team'
FROM cost_before
FULL JOIN (
    SELECT connection_id, report, usage_date, currency, team, app, sum(amount) AS amount
    FROM marts.allocated_cost
    WHERE usage_date >= %(first)s AND usage_date < %(end)s
    GROUP BY connection_id, report, usage_date, currency, team, app
) AS cost_after USING (connection_id, report, usage_date, currency, team, app)
WHERE cost_before.amount IS DISTINCT FROM cost_after.amount
RETURNING usage_date
