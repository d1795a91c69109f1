-- Does it equal the bill? The verdict on every connection and day, by currency, as it was last recorded: after each load,
-- by `usage-ledger reconcile`, and by the alerts' Dag. Words: docs/reconciliation.md.
-- connection_id: The connection.
-- provider: The vendor.
-- usage_date: The day of the bill.
-- currency: ISO 4217 code of the amounts; '' where there is no bill. Never add currencies.
-- verdict: reconciled, explained, within_bounds, out_of_bounds, unpriced, unsettled or no_bill.
-- charged: What the bill says.
-- rated: What it should have been at the prices of the day, as far as they are known.
-- low: The least that it can come to, of the lines that can be rated.
-- high: The most that it can come to, of the lines that can be rated.
-- residual: charged less rated, of the lines that can be rated.
-- settled: True when no provider's figures for the day are re-read any more.
-- blame: The first three lines to blame, by money: line, verdict, cause, charged, rated, price_rank.
-- said_at: Since when that holds; ops.verdict has what was said before.
CREATE VIEW marts.reconciliation AS
SELECT
    connection_id, connection.provider, usage_date, currency, verdict, charged, rated, low, high, residual, settled,
    blame, said_at
FROM (
    SELECT DISTINCT ON (connection_id, usage_date, currency) *
    FROM ops.verdict
    ORDER BY connection_id, usage_date, currency, said_at DESC
) AS newest
JOIN ops.connection AS connection USING (connection_id)
WHERE verdict <> 'gone'
