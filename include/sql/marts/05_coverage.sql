-- The calendar of every living connection: one row per usage date of each report that it fetches, from the report's
-- first known date to yesterday in the report's own days. A date that nothing is known of is a row too, `missing`.
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
    connection.connection_id, connection.provider, connection.account_id, fetched.report, calendar.usage_date,
    coalesce(day.day_zone, newest.day_zone) AS day_zone,
    coalesce(day.state, 'missing') AS state,
    CASE WHEN day.state <> 'failed' THEN day.row_count END AS row_count,
    coalesce(day.settled, false) AS settled, day.fetched_at, day.load_id
FROM ops.connection AS connection
JOIN ops.connection_report AS fetched ON fetched.connection_id = connection.connection_id AND fetched.until IS NULL
CROSS JOIN LATERAL (
    SELECT usage_date AS first
    FROM ops.day
    WHERE connection_id = fetched.connection_id AND report = fetched.report
    ORDER BY usage_date
    LIMIT 1
) AS oldest
CROSS JOIN LATERAL (
    SELECT day_zone, (now() AT TIME ZONE day_zone)::date - 1 AS last
    FROM ops.day
    WHERE connection_id = fetched.connection_id AND report = fetched.report
    ORDER BY usage_date DESC
    LIMIT 1
) AS newest
CROSS JOIN LATERAL (
    SELECT oldest.first + number AS usage_date FROM generate_series(0, newest.last - oldest.first) AS number
) AS calendar
LEFT JOIN ops.day AS day
    ON day.connection_id = fetched.connection_id AND day.report = fetched.report AND day.usage_date = calendar.usage_date
WHERE connection.retired_at IS NULL
