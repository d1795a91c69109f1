-- The calendar of every living connection: one row per report and usage date, from the report's first known date to
-- yesterday in the report's own days. A date that nothing is known of is a row too, `missing`.
-- connection_id: The connection.
-- provider: The vendor.
-- account_id: The vendor's id of the account.
-- report: The endpoint. Reports without days, such as listings of keys, are not here.
-- usage_date: The date.
-- day_zone: The time zone whose days the report has.
-- state: loaded, empty (no use, confirmed), held (the earlier figures stay), failed (not loaded) or missing (not tried).
-- row_count: Rows in the ledger for the date; null where it was never loaded.
-- settled: True when the provider's figures for the date are no longer re-read; false while they may still change.
-- fetched_at: When the figures were asked for; null where the date was never loaded.
-- load_id: The load that last confirmed the date; null where it was never loaded.
CREATE VIEW marts.coverage AS
SELECT
    calendar.connection_id, calendar.provider, calendar.account_id, calendar.report, calendar.usage_date,
    coalesce(day.day_zone, calendar.day_zone) AS day_zone,
    coalesce(day.state, 'missing') AS state,
    CASE WHEN day.state <> 'failed' THEN day.row_count END AS row_count,
    coalesce(day.settled, false) AS settled, day.fetched_at, day.load_id
FROM (
    SELECT
        connection.connection_id, connection.provider, connection.account_id, known.report, known.day_zone,
        known.first + number AS usage_date
    FROM ops.connection AS connection
    JOIN (
        SELECT
            connection_id, report, min(usage_date) AS first,
            (array_agg(day_zone ORDER BY usage_date DESC))[1] AS day_zone
        FROM ops.day
        GROUP BY connection_id, report
    ) AS known USING (connection_id)
    CROSS JOIN LATERAL generate_series(0, (now() AT TIME ZONE known.day_zone)::date - 1 - known.first) AS number
    WHERE connection.retired_at IS NULL
) AS calendar
LEFT JOIN ops.day AS day USING (connection_id, report, usage_date)
