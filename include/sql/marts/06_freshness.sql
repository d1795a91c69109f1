-- How fresh each report of a connection is: one row per report that a living connection fetches.
-- connection_id: The connection.
-- provider: The vendor.
-- report: The endpoint.
-- state: As in marts.report_status: absent, forbidden, failing, held, new, behind or ok.
-- newest_date: Newest usage date that is loaded or confirmed empty; null before the first, and of lists, which have none.
-- ended_at: The instant at which that date ended, in the report's own days; null where it has none.
-- fetched_at: When the vendor was last asked for that date; of a list, the end of its newest whole load.
-- hours_to_load: Hours from the end of that date until then; null where it has no date.
-- hours_behind: Hours since the end of that date; of a list, since its newest whole load; null before the first.
-- days_behind: Whole dates after that date which are over; 0 is fresh, 1 is usual until the daily run; null without a date.
-- late: Whether more than the newest date that is over is missing; of a list, whether two days passed without a whole load.
CREATE VIEW marts.freshness AS
SELECT
    status.connection_id, status.provider, status.report, status.state,
    status.newest_loaded_date AS newest_date, newest.ended_at,
    coalesce(newest.fetched_at, status.last_success_at) AS fetched_at,
    round(extract(epoch FROM newest.fetched_at - newest.ended_at) / 3600, 1) AS hours_to_load,
    round(extract(epoch FROM now() - coalesce(newest.ended_at, status.last_success_at)) / 3600, 1) AS hours_behind,
    newest.days_behind,
    coalesce(newest.days_behind > 1, status.last_success_at < now() - interval '2 days', status.state = 'behind') AS late
FROM marts.report_status AS status
LEFT JOIN LATERAL (
    SELECT
        fetched_at, (usage_date + 1)::timestamp AT TIME ZONE day_zone AS ended_at,
        (now() AT TIME ZONE day_zone)::date - 1 - usage_date AS days_behind
    FROM ops.day
    WHERE connection_id = status.connection_id AND report = status.report AND usage_date = status.newest_loaded_date
) AS newest ON true
WHERE status.state <> 'ended'
