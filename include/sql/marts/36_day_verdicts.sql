-- The verdict on every connection and day by currency, as the facts and prices are now: the worst of its lines, what was
-- charged and what it should have been, and the first three lines to blame. It reads usage and bill: choose a
-- connection and dates. marts.reconciliation has what was last recorded of all.
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
-- blame: The first three lines to blame, the worst first, then by money: line, verdict, cause, charged, rated, rank.
CREATE VIEW marts.day_verdicts AS
WITH lines AS (
    SELECT
        connection_id, usage_date, coalesce(currency, '') AS currency, line_key, cause, charged, rated, low, high,
        residual, price_rank, verdict,
        array_position(ARRAY['out_of_bounds', 'unpriced', 'within_bounds', 'explained', 'reconciled'], verdict) AS place
    FROM marts.reconciliation_lines
    UNION ALL
    -- Every day has a row, though nothing was charged; it yields to those that were.
    SELECT connection_id, usage_date, '', NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM ops.day
    GROUP BY connection_id, usage_date
), numbered AS (
    SELECT
        *, row_number() OVER (
            PARTITION BY connection_id, usage_date, currency
            ORDER BY place NULLS LAST, abs(coalesce(residual, charged)) DESC NULLS LAST, line_key
        ) AS nth
    FROM lines
), summed AS (
    SELECT
        connection_id, usage_date, currency, min(place) AS place, sum(charged) AS charged, sum(rated) AS rated,
        sum(low) FILTER (WHERE rated IS NOT NULL) AS low, sum(high) FILTER (WHERE rated IS NOT NULL) AS high,
        sum(residual) AS residual, count(*) OVER day AS currencies,
        coalesce(jsonb_agg(jsonb_build_object(
            'line', line_key, 'verdict', verdict, 'cause', cause, 'charged', charged, 'rated', rated,
            'price_rank', price_rank
        ) ORDER BY nth) FILTER (WHERE nth <= 3 AND cause <> ''), '[]') AS blame
    FROM numbered
    GROUP BY connection_id, usage_date, currency
    WINDOW day AS (PARTITION BY connection_id, usage_date)
), day AS (
    SELECT
        connection_id, usage_date, bool_and(settled) AS settled, bool_or(bill.report IS NOT NULL) AS has_bill,
        count(DISTINCT day_zone) > 1
            AND NOT bool_or(ops.day.report LIKE '%\_utc' AND state IN ('loaded', 'empty')) AS other_zone
    FROM ops.day
    LEFT JOIN (SELECT DISTINCT connection_id, report FROM ledger.cost_daily WHERE breakdown = '') AS bill
        USING (connection_id, report)
    GROUP BY connection_id, usage_date
)
SELECT
    summed.connection_id, connection.provider, summed.usage_date, summed.currency,
    CASE
        WHEN NOT coalesce(day.has_bill, false) THEN 'no_bill'
        WHEN NOT day.settled THEN 'unsettled'
        WHEN place IS NULL THEN 'reconciled'
        -- Usage has the days of another zone: the bill's day lies within the use of its day and of both neighbours.
        WHEN day.other_zone AND place = 1 AND charged BETWEEN 0 AND (
            SELECT sum(near.rated)
            FROM marts.reconciliation_lines AS near
            WHERE near.connection_id = summed.connection_id AND near.currency = summed.currency
                AND near.usage_date BETWEEN summed.usage_date - 1 AND summed.usage_date + 1
        ) THEN 'within_bounds'
        ELSE (ARRAY['out_of_bounds', 'unpriced', 'within_bounds', 'explained', 'reconciled'])[place]
    END AS verdict,
    charged, rated, low, high, residual, coalesce(day.settled, false) AS settled, blame
FROM summed
JOIN ops.connection AS connection USING (connection_id)
LEFT JOIN day USING (connection_id, usage_date)
WHERE summed.currency <> '' OR summed.place IS NOT NULL OR summed.currencies = 1
