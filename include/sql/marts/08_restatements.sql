-- What moved after it had been loaded: one row per connection, report, usage date, day of detection, table, meter,
-- currency, billed item, cause, breakdown and team. Add `difference` over rows of one meter, currency and breakdown to see how the total moved.
-- connection_id: The connection.
-- report: The endpoint it came from.
-- usage_date: The date whose figures moved.
-- detected_on: The UTC date on which the new figures were fetched.
-- table_name: usage_daily, cost_daily or, where its owner changed, daily_cost_by_team.
-- meter: What moved: a column of that table.
-- currency: Currency of a cost row's figures; '' for usage.
-- line_item: The vendor's text of the billed item; '' for usage.
-- cause: provider: the vendor's figures changed; declaration: our reading of them did; record: another report is the record of the date, with other sums; owner: a rule of owners did, for this date.
-- row_count: How many rows of the table moved.
-- old: Their sum before; null where none metered it. For unit_price only of a single row.
-- new: Their sum now; null where none meters it. For unit_price only of a single row.
-- difference: By how much the total moved; a row that was or is absent adds nothing. Null where both sums are.
-- breakdown: '' for rows of the record; any other value is another cut of the same traffic.
-- team: The team of a row of daily_cost_by_team; '' elsewhere, and for what nobody owned.
CREATE VIEW marts.restatements AS
SELECT
    connection_id, report, usage_date, detected_on, table_name, meter, currency, line_item, cause,
    row_count, old, new,
    CASE WHEN old IS NOT NULL OR new IS NOT NULL
        THEN coalesce(new, 0) - coalesce(old, 0) END AS difference,
    breakdown, team
FROM (
    SELECT
        connection_id, report, usage_date, detected_on, table_name, meter, currency, line_item, cause,
        count(*) AS row_count,
        CASE WHEN meter <> 'unit_price' OR count(*) = 1 THEN sum(old) END AS old,
        CASE WHEN meter <> 'unit_price' OR count(*) = 1 THEN sum(new) END AS new,
        breakdown, team
    FROM (  -- a row that moved several times on a day: from its first value to its last
        SELECT
            connection_id, report, usage_date, (detected_at AT TIME ZONE 'UTC')::date AS detected_on, table_name,
            meter, coalesce(dimensions ->> 'currency', '') AS currency,
            coalesce(dimensions ->> 'line_item', '') AS line_item, cause, breakdown,
            coalesce(dimensions ->> 'team', '') AS team, row_key,
            (array_agg(old ORDER BY detected_at))[1] AS old, (array_agg(new ORDER BY detected_at DESC))[1] AS new
        FROM ops.restatement
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, row_key
    ) AS row_of_a_day
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, breakdown, team
) AS moved
