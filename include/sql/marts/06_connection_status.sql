-- How each connection fares: one row per connection, retired ones too; of its reports those that it fetches now.
-- `state` is the first that is true of (1) retired, (2) failing - an error is open: no load of its report has come
-- through since; a list of names, which has no dates, that the key may not read is no error, (3) held - a date is held,
-- (4) new - nothing loaded yet, registered within two days, (5) behind - nothing loaded yet, registered earlier, or a
-- date before yesterday (in the report's days) is missing or failed, (6) ok. Yesterday alone may be missing yet.
-- connection_id: The connection.
-- provider: The vendor.
-- account_id: The vendor's id of the account.
-- timezone: The time zone of its days.
-- since: When it was first registered.
-- retired_at: When it was retired; null while it lives.
-- state: retired, failing, held, new, behind or ok, by the rules of this view.
-- last_success_at: End of its newest load that brought a whole window, of any report; null before the first.
-- newest_loaded_date: Newest usage date that is loaded or confirmed empty, of any report; null before the first.
-- missing_days: Dates that were never tried, counted per report as in marts.coverage; null once retired.
-- failed_days: Dates that were tried and never loaded, counted per report; null once retired.
-- held_days: Dates whose new figures contradict the known ones, counted per report; null once retired.
-- last_error_report: The report of the newest open error; null where there is none.
-- last_error_class: What kind of error it is.
-- last_error_message: What it says.
-- last_error_at: When it happened.
-- open_events: How many warnings and errors of the last seven days no later load has mended.
-- newest_event: What the newest of these says; null where there is none.
-- newest_event_next_step: What to do about it.
-- newest_event_at: When it was written.
CREATE VIEW marts.connection_status AS
SELECT
    connection.connection_id, connection.provider, connection.account_id, connection.timezone,
    connection.since, connection.retired_at,
    CASE
        WHEN connection.retired_at IS NOT NULL THEN 'retired'
        WHEN error.at IS NOT NULL THEN 'failing'
        WHEN reports.held > 0 THEN 'held'
        WHEN reports.success_at IS NULL AND connection.since > now() - interval '2 days' THEN 'new'
        WHEN reports.success_at IS NULL OR reports.overdue > 0 THEN 'behind'
        ELSE 'ok'
    END AS state,
    reports.success_at AS last_success_at, reports.newest_loaded AS newest_loaded_date,
    CASE WHEN connection.retired_at IS NULL THEN coalesce(reports.missing, 0) END AS missing_days,
    CASE WHEN connection.retired_at IS NULL THEN coalesce(reports.failed, 0) END AS failed_days,
    CASE WHEN connection.retired_at IS NULL THEN coalesce(reports.held, 0) END AS held_days,
    error.report AS last_error_report, error.error_class AS last_error_class,
    error.error_message AS last_error_message, error.at AS last_error_at,
    coalesce(events.number, 0) AS open_events, events.message AS newest_event,
    events.next_step AS newest_event_next_step, events.at AS newest_event_at
FROM ops.connection AS connection
LEFT JOIN LATERAL (
    SELECT
        max(last_success_at) AS success_at, max(newest_loaded_date) AS newest_loaded,
        sum(missing_days)::bigint AS missing, sum(failed_days)::bigint AS failed, sum(held_days)::bigint AS held,
        sum(overdue_days)::bigint AS overdue
    FROM marts.report_status
    WHERE connection_id = connection.connection_id AND until IS NULL
) AS reports ON true
LEFT JOIN LATERAL (
    SELECT
        fetched.report, fetched.last_error_class AS error_class, fetched.last_error_message AS error_message,
        fetched.last_error_at AS at
    FROM ops.connection_report AS fetched
    WHERE fetched.connection_id = connection.connection_id AND fetched.until IS NULL
        AND fetched.last_error_at IS NOT NULL
        AND (fetched.last_error_class <> 'NoPermission' OR EXISTS (
            SELECT FROM ops.day AS day
            WHERE day.connection_id = fetched.connection_id AND day.report = fetched.report
        ))
    ORDER BY at DESC
    LIMIT 1
) AS error ON true
LEFT JOIN (
    SELECT
        connection_id, count(*) AS number, max(at) AS at,
        (array_agg(message ORDER BY at DESC))[1] AS message,
        (array_agg(next_step ORDER BY at DESC))[1] AS next_step
    FROM ops.event
    WHERE at > now() - interval '7 days' AND severity <> 'info' AND closed_at IS NULL
    GROUP BY connection_id
) AS events USING (connection_id)
