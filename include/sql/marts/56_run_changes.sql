-- What a run changed in dates that were loaded before: one row per load, usage date, table, meter, currency, cause and
-- breakdown. Add `difference` over rows of one meter, currency and breakdown. marts.restatements has the same by day.
-- connection_id: The connection.
-- report: The endpoint it came from.
-- run_id: The run whose load brought the new figures.
-- load_id: That load.
-- usage_date: The date whose figures moved.
-- table_name: usage_daily or cost_daily.
-- meter: What moved: a column of that table.
-- currency: Currency of a cost row's figures; '' for usage.
-- breakdown: '' for rows of the record; any other value is another cut of the same traffic.
-- cause: provider: the vendor's figures changed; declaration: our reading of them did; record: another report is the record of the date, with other sums.
-- row_count: How many rows of the table moved.
-- old: Their sum before; null where none metered it. For unit_price only of a single row.
-- new: Their sum now; null where none meters it. For unit_price only of a single row.
-- difference: By how much the total moved; null where both sums are.
CREATE VIEW marts.run_changes AS
SELECT
    connection_id, report, run_id, load_id, usage_date, table_name, meter, currency, breakdown, cause, row_count, old, new,
    CASE WHEN old IS NOT NULL OR new IS NOT NULL THEN coalesce(new, 0) - coalesce(old, 0) END AS difference
FROM (
    SELECT
        load.connection_id, load.report, load.run_id, load.load_id, moved.usage_date, moved.table_name, moved.meter,
        coalesce(moved.dimensions ->> 'currency', '') AS currency, moved.breakdown, moved.cause, count(*) AS row_count,
        CASE WHEN moved.meter <> 'unit_price' OR count(*) = 1 THEN sum(moved.old) END AS old,
        CASE WHEN moved.meter <> 'unit_price' OR count(*) = 1 THEN sum(moved.new) END AS new
    FROM ops.load AS load
    JOIN ops.restatement AS moved
        ON moved.connection_id = load.connection_id AND moved.report = load.report
        AND moved.usage_date >= load.window_from AND moved.usage_date < load.window_to
        AND moved.new_load_id = load.load_id
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
) AS moved_of_load
