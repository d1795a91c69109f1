-- What was charged in a month: one row per connection, report, month, currency and basis. A month that is not `whole` is
-- a part of it: never compare it with a whole one. Never add different currencies or bases.
-- connection_id: The connection.
-- provider: The vendor.
-- report: The endpoint it came from.
-- month: The first date of the month.
-- currency: ISO 4217 code of the amount.
-- basis: How the figures came about: billed, rated (usage at the vendor's price) or estimated.
-- amount: The cost of the dates that are loaded, signed and exact, in `currency`.
-- days: Dates of the month, those to come too; null once the connection is retired or no longer fetches the report.
-- loaded_days: Dates that are loaded, or confirmed empty.
-- settled_days: Dates whose figures are no longer re-read.
-- whole: True when every date of the month is loaded and settled, and the record of all of them is this report.
CREATE VIEW marts.monthly_spend AS
SELECT
    cost.connection_id, cost.provider, cost.report, cost.month, cost.currency, cost.basis, cost.amount,
    coverage.days, coverage.loaded_days, coverage.settled_days, coalesce(coverage.whole AND NOT cost.shared, false) AS whole
FROM (
    SELECT
        connection_id, provider, report, date_trunc('month', usage_date)::date AS month, currency, basis,
        sum(amount) FILTER (WHERE breakdown = '') AS amount,
        -- A report whose rows are the record of some dates and another cut of others: two have the month's record.
        bool_or(bool_or(breakdown = '') AND bool_or(breakdown = report)) OVER (
            PARTITION BY connection_id, date_trunc('month', usage_date), currency, basis
        ) AS shared
    FROM ledger.cost_daily
    WHERE breakdown IN ('', report)
    GROUP BY connection_id, provider, report, date_trunc('month', usage_date), currency, basis
) AS cost
LEFT JOIN marts.monthly_coverage AS coverage USING (connection_id, report, month)
WHERE cost.amount IS NOT NULL
