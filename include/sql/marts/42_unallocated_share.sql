-- How much of a month's bill has an owner: one row per connection, month and currency. Never add different currencies.
-- connection_id: The connection.
-- provider: The vendor.
-- month: The first date of the month.
-- currency: ISO 4217 code of the amounts.
-- total: The cost of the dates that are loaded.
-- owned: The part that a team owns.
-- no_owner: The part whose key, project, user or deployment is named, and owned by no rule.
-- unallocated: The part of which nothing says whose it is, or not yet.
-- share: The part of the money without a team, 0 to 1, credits counted by their size; null where there is no money.
CREATE VIEW marts.unallocated_share AS
SELECT
    connection_id, provider, date_trunc('month', usage_date::timestamp)::date AS month, currency, sum(amount) AS total,
    coalesce(sum(amount) FILTER (WHERE team <> ''), 0) AS owned,
    coalesce(sum(amount) FILTER (WHERE method = 'no owner'), 0) AS no_owner,
    coalesce(sum(amount) FILTER (WHERE method IN ('unallocated', 'not recorded yet')), 0) AS unallocated,
    coalesce(sum(abs(amount)) FILTER (WHERE team = ''), 0) / nullif(sum(abs(amount)), 0) AS share
FROM marts.daily_cost_by_team
GROUP BY connection_id, provider, month, currency
