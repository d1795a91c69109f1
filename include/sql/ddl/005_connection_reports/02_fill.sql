-- What a filled warehouse knows. Whether a report is still fetched, the next run says.
INSERT INTO ops.connection_report (connection_id, report, since, last_success_at, last_error_at, last_error_class,
    last_error_message)
SELECT
    reports.connection_id, reports.report, coalesce(loads.since, connection.since), loads.success_at,
    error.at, error.error_class, error.error_message
FROM (
    SELECT connection_id, report FROM ops.load
    UNION
    SELECT connection_id, report FROM ops.day
) AS reports
JOIN ops.connection AS connection USING (connection_id)
LEFT JOIN (
    SELECT
        connection_id, report, min(started_at) AS since, max(ended_at) FILTER (WHERE state = 'loaded') AS success_at,
        max(ended_at) FILTER (WHERE state IN ('loaded', 'held')) AS through_at
    FROM ops.load
    GROUP BY connection_id, report
) AS loads USING (connection_id, report)
LEFT JOIN LATERAL (
    SELECT coalesce(load.ended_at, load.started_at) AS at, load.error_class, load.error_message
    FROM ops.load AS load
    WHERE load.connection_id = reports.connection_id AND load.report = reports.report AND load.error_class IS NOT NULL
        AND (loads.through_at IS NULL OR coalesce(load.ended_at, load.started_at) >= loads.through_at)
    ORDER BY at DESC
    LIMIT 1
) AS error ON true
