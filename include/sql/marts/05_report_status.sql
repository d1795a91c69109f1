-- How each report of a connection fares: one row per report that it fetches or ever fetched, of retired connections too.
-- `state` is the first that is true of (1) ended - the connection no longer fetches it, or is retired, (2) absent - the
-- account does not have it; it is asked for again each week, (3) forbidden - the key may not read it, (4) failing -
-- another error is open, (5) held - a date is held, (6) new - nothing loaded yet, listed within two days, (7) behind -
-- nothing loaded yet, listed earlier, or a date before yesterday is missing or failed, (8) ok.
-- connection_id: The connection.
-- provider: The vendor.
-- report: The endpoint.
-- state: ended, absent, forbidden, failing, held, new, behind or ok, by the rules of this view.
-- since: When the connection first listed it.
-- until: When it stopped to; null while it goes on. Of an absent report, when the vendor said that it is.
-- last_success_at: End of its newest load that brought a whole window; null before the first.
-- last_error_at: When its open error happened; null where there is none.
-- last_error_class: What kind of error it is.
-- last_error_message: What it says, with the next step.
-- lookback_days: How many days before the usage date a scheduled run reads again; null until the next run.
-- settle_lag_days: The highest age of a date, in whole days after its end, at which the vendor still changed a figure; null where it changed none.
-- first_date: First usage date that is known; null before the first, and of lists, which have no dates.
-- newest_loaded_date: Newest usage date that is loaded or confirmed empty; null before the first.
-- loaded_days: Dates that are loaded, or confirmed empty.
-- held_days: Dates whose new figures contradict the known ones.
-- failed_days: Dates that were tried and never loaded.
-- overdue_days: Dates before yesterday that are missing or failed; yesterday alone may be missing yet.
-- missing_days: Dates up to yesterday, in the report's own days, that were never tried; null once ended or absent.
CREATE VIEW marts.report_status AS
SELECT
    fetched.connection_id, connection.provider, fetched.report,
    CASE
        WHEN connection.retired_at IS NOT NULL OR fetched.until IS NOT NULL AND NOT fetched.absent THEN 'ended'
        WHEN fetched.absent THEN 'absent'
        WHEN fetched.last_error_class = 'NoPermission' THEN 'forbidden'
        WHEN fetched.last_error_at IS NOT NULL THEN 'failing'
        WHEN unloaded.held > 0 THEN 'held'
        WHEN fetched.last_success_at IS NULL AND fetched.since > now() - interval '2 days' THEN 'new'
        WHEN fetched.last_success_at IS NULL
            OR overdue.days > 0 THEN 'behind'
        ELSE 'ok'
    END AS state,
    fetched.since, fetched.until, fetched.last_success_at,
    fetched.last_error_at, fetched.last_error_class, fetched.last_error_message, fetched.lookback_days,
    (
        SELECT max((moved.detected_at AT TIME ZONE coalesce(newest.day_zone, 'UTC'))::date - moved.usage_date - 1)
        FROM ops.restatement AS moved
        WHERE moved.connection_id = fetched.connection_id AND moved.report = fetched.report AND moved.cause = 'provider'
    ) AS settle_lag_days,
    oldest.first AS first_date, confirmed.usage_date AS newest_loaded_date,
    tried.days - unloaded.held - unloaded.failed AS loaded_days,
    unloaded.held AS held_days, unloaded.failed AS failed_days, overdue.days AS overdue_days,
    CASE WHEN fetched.until IS NULL AND connection.retired_at IS NULL
        THEN coalesce(greatest(newest.last - oldest.first + 1, 0) - tried.days, 0)
    END AS missing_days
FROM ops.connection_report AS fetched
JOIN ops.connection AS connection ON connection.connection_id = fetched.connection_id
-- Dates are counted in the index, as marts.connection_status does.
-- Dates are counted in the index of each report: a calendar of every date would cost a hundred times as much.
LEFT JOIN LATERAL (
    SELECT usage_date AS first
    FROM ops.day
    WHERE connection_id = fetched.connection_id AND report = fetched.report
    ORDER BY usage_date
    LIMIT 1
) AS oldest ON true
LEFT JOIN LATERAL (
    SELECT day_zone, (now() AT TIME ZONE day_zone)::date - 1 AS last
    FROM ops.day
    WHERE connection_id = fetched.connection_id AND report = fetched.report
    ORDER BY usage_date DESC
    LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT usage_date
    FROM ops.day
    WHERE connection_id = fetched.connection_id AND report = fetched.report AND state IN ('loaded', 'empty')
    ORDER BY usage_date DESC
    LIMIT 1
) AS confirmed ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS days, count(*) FILTER (WHERE usage_date < newest.last) AS days_before
    FROM ops.day
    WHERE connection_id = fetched.connection_id AND report = fetched.report AND usage_date <= newest.last
) AS tried ON true
LEFT JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE state = 'held') AS held, count(*) FILTER (WHERE state = 'failed') AS failed,
        count(*) FILTER (WHERE state = 'failed' AND usage_date < newest.last) AS failed_before
    FROM ops.day
    WHERE connection_id = fetched.connection_id AND report = fetched.report AND usage_date <= newest.last
        AND state IN ('failed', 'held')
) AS unloaded ON true
CROSS JOIN LATERAL (
    SELECT greatest(newest.last - oldest.first, 0) - tried.days_before + unloaded.failed_before AS days
) AS overdue
