-- Does it equal the bill? The verdict on every connection and day, by currency: the worst of its lines, what was charged
-- and what it should have been, and the first three lines to blame. Words: docs/reconciliation.md.
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
-- unpriced: What is charged for lines that cannot be rated.
-- line_count: How many lines are compared.
-- settled: True when no provider's figures for the day are re-read any more.
-- price_rank: The rank of the weakest price: 1 contract, 2 the vendor's list, 3 the bill, 4 and 5 catalogues.
-- blame: The first three lines to blame, by money: line, verdict, cause, charged, rated.
CREATE VIEW marts.reconciliation AS
WITH day AS (
    SELECT connection_id, usage_date, bool_and(settled) AS settled, bool_or(bill.report IS NOT NULL) AS has_bill
    FROM ops.day
    LEFT JOIN (SELECT DISTINCT connection_id, report FROM ledger.cost_daily WHERE breakdown = '') AS bill
        USING (connection_id, report)
    GROUP BY connection_id, usage_date
), numbered AS (
    SELECT
        *, row_number() OVER (
            PARTITION BY connection_id, usage_date, currency
            ORDER BY array_position(ARRAY['out_of_bounds', 'unpriced', 'within_bounds'], verdict) IS NULL,
                abs(coalesce(residual, charged)) DESC, line_key
        ) AS nth,
        array_position(
            ARRAY['out_of_bounds', 'unpriced', 'within_bounds', 'explained', 'reconciled'], verdict
        ) AS severity
    FROM marts.reconciliation_lines
), summed AS (
    SELECT
        connection_id, provider, usage_date, coalesce(currency, '') AS currency, min(severity) AS severity,
        sum(charged) AS charged, sum(rated) AS rated, sum(low) FILTER (WHERE rated IS NOT NULL) AS low,
        sum(high) FILTER (WHERE rated IS NOT NULL) AS high, sum(residual) AS residual,
        coalesce(sum(charged) FILTER (WHERE rated IS NULL), 0) AS unpriced, count(*) AS line_count,
        max(price_rank) AS price_rank,
        coalesce(jsonb_agg(jsonb_build_object(
            'line', line_key, 'verdict', verdict, 'cause', cause, 'charged', charged, 'rated', rated
        ) ORDER BY nth) FILTER (WHERE nth <= 3 AND severity <= 4 AND cause <> ''), '[]') AS blame
    FROM numbered
    GROUP BY connection_id, provider, usage_date, coalesce(currency, '')
)
SELECT
    day.connection_id, coalesce(summed.provider, connection.provider) AS provider, day.usage_date,
    coalesce(summed.currency, '') AS currency,
    CASE
        WHEN NOT day.has_bill THEN 'no_bill'
        WHEN NOT day.settled THEN 'unsettled'
        WHEN summed.connection_id IS NULL THEN 'reconciled'
        ELSE (ARRAY['out_of_bounds', 'unpriced', 'within_bounds', 'explained', 'reconciled'])[summed.severity]
    END AS verdict,
    summed.charged, summed.rated, summed.low, summed.high, summed.residual, summed.unpriced,
    coalesce(summed.line_count, 0) AS line_count, day.settled, summed.price_rank,
    coalesce(summed.blame, '[]') AS blame
FROM day
JOIN ops.connection AS connection USING (connection_id)
LEFT JOIN summed ON summed.connection_id = day.connection_id AND summed.usage_date = day.usage_date
