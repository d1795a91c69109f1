-- What each team's use cost: one row per connection, usage date, currency, team, app and method. Rows without a team are
-- what nobody owns, so that the rows of a date add up to its bill, also before it is recorded: docs/owners.md says when it
-- is. Never add different currencies.
-- connection_id: The connection.
-- provider: The vendor.
-- usage_date: The local date of the bucket, in the report's day zone.
-- currency: ISO 4217 code of the amount.
-- team: Who owns it on that date; '' where nobody does.
-- app: For which of the team's applications; '' where the rule does not say it.
-- cost_center: The team's cost center.
-- method: How the amount came to the team, as in marts.allocated_cost; `not recorded yet` where a bill was loaded that is not shared out yet.
-- amount: The cost, signed and exact.
-- settled: True when the provider's figures for the date are no longer re-read.
CREATE VIEW marts.daily_cost_by_team AS
SELECT
    cost.connection_id, cost.provider, cost.usage_date, cost.currency, cost.team, cost.app,
    coalesce(team.cost_center, '') AS cost_center, cost.method, cost.amount, cost.settled
FROM ledger.team_cost AS cost
LEFT JOIN ledger.team AS team ON team.team = cost.team AND team.superseded_at IS NULL
WHERE NOT EXISTS (
    SELECT FROM ops.team_cost_due AS due
    WHERE due.cause = 'bill' AND due.connection_id = cost.connection_id AND due.usage_date = cost.usage_date
)
UNION ALL
SELECT
    due.connection_id, line.provider, due.usage_date, line.currency, '', '', '', 'not recorded yet', line.amount,
    line.settled
FROM (SELECT DISTINCT connection_id, usage_date FROM ops.team_cost_due WHERE cause = 'bill') AS due
CROSS JOIN LATERAL (
    SELECT provider, currency, sum(amount) AS amount, bool_and(settled) AS settled
    FROM marts.bill_lines
    WHERE connection_id = due.connection_id AND usage_date = due.usage_date
    GROUP BY provider, currency
) AS line
