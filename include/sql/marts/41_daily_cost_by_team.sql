-- What each team's use cost: one row per connection, usage date, currency, team, app and method. Rows without a team are
-- what nobody owns, so that the rows of a date add up to its bill. Never add different currencies.
-- connection_id: The connection.
-- provider: The vendor.
-- usage_date: The local date of the bucket, in the report's day zone.
-- currency: ISO 4217 code of the amount.
-- team: Who owns it on that date; '' where nobody does.
-- app: For which of the team's applications; '' where the rule does not say it.
-- cost_center: The team's cost center.
-- method: How the amount came to the team, as in marts.allocated_cost.
-- amount: The cost, signed and exact.
-- settled: True when the provider's figures for the date are no longer re-read.
CREATE VIEW marts.daily_cost_by_team AS
SELECT
    connection_id, provider, usage_date, currency, team, app, cost_center, method, sum(amount) AS amount,
    bool_and(settled) AS settled
FROM marts.allocated_cost
GROUP BY connection_id, provider, usage_date, currency, team, app, cost_center, method
