-- How late the vendor still changes a report: one row per connection, report, breakdown, table, meter, currency and age,
-- of what moved after it had been loaded. A look-back is long enough when no share is left after it.
-- connection_id: The connection.
-- report: The endpoint.
-- breakdown: '' for rows of the record; any other value is another cut of the same traffic.
-- table_name: usage_daily or cost_daily.
-- meter: What moved: a column of that table.
-- currency: Currency of a cost row's figures; '' for usage.
-- age_days: Whole days between the end of the usage date, in the report's own days, and the reading that brought the change; the change itself may be older.
-- lookback_days: How many days before the usage date a scheduled run reads again now; null when not known.
-- row_count: How many rows moved at this age. A row that moved at two ages is in both.
-- change: The sum of the absolute changes at this age; null for unit_price, which does not add up.
-- share_of_rows: row_count as a share of all ages, 0 to 1.
-- share_of_change: change as a share of all ages, 0 to 1; null where nothing adds up.
-- share_of_rows_after_lookback: The share of rows, over all ages, that moved after the look-back.
-- share_of_change_after_lookback: The share of change, over all ages, that came after the look-back.
CREATE VIEW marts.restatement_lag AS
SELECT
    connection_id, report, breakdown, table_name, meter, currency, age_days, lookback_days, row_count, change,
    row_count / sum(row_count) OVER ages AS share_of_rows,
    change / nullif(sum(change) OVER ages, 0) AS share_of_change,
    sum(CASE WHEN age_days > lookback_days THEN row_count WHEN lookback_days IS NOT NULL THEN 0 END) OVER ages
        / sum(row_count) OVER ages AS share_of_rows_after_lookback,
    sum(CASE WHEN age_days > lookback_days THEN change WHEN lookback_days IS NOT NULL THEN 0 END) OVER ages
        / nullif(sum(change) OVER ages, 0) AS share_of_change_after_lookback
FROM (
    SELECT
        connection_id, report, breakdown, table_name, meter, currency, age_days, lookback_days, count(*) AS row_count,
        CASE WHEN meter <> 'unit_price' THEN sum(abs(coalesce(new, 0) - coalesce(old, 0))) END AS change
    FROM (  -- a row that moved several times at one age: from its first value to its last
        SELECT
            moved.connection_id, moved.report, moved.breakdown, moved.table_name, moved.meter,
            coalesce(moved.dimensions ->> 'currency', '') AS currency,
            (moved.detected_at AT TIME ZONE coalesce(day.day_zone, 'UTC'))::date - moved.usage_date - 1 AS age_days,
            fetched.lookback_days, moved.usage_date, moved.row_key,
            (array_agg(moved.old ORDER BY moved.detected_at))[1] AS old,
            (array_agg(moved.new ORDER BY moved.detected_at DESC))[1] AS new
        FROM ops.restatement AS moved
        LEFT JOIN ops.day AS day USING (connection_id, report, usage_date)
        LEFT JOIN ops.connection_report AS fetched USING (connection_id, report)
        WHERE moved.cause = 'provider'
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, moved.usage_date, moved.row_key
    ) AS row_of_an_age
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
) AS age
WINDOW ages AS (PARTITION BY connection_id, report, breakdown, table_name, meter, currency)
