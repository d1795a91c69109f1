-- As event, unless the report has an open event of the same kind and message.
INSERT INTO ops.event (connection_id, report, usage_date, kind, severity, message, next_step, load_id)
SELECT %(connection_id)s, %(report)s, %(usage_date)s, %(kind)s, %(severity)s, %(message)s, %(next_step)s, %(load_id)s
WHERE NOT EXISTS (
    SELECT FROM ops.event
    WHERE connection_id = %(connection_id)s AND report IS NOT DISTINCT FROM %(report)s AND kind = %(kind)s
        AND message = %(message)s AND closed_at IS NULL
)
