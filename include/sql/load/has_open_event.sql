SELECT EXISTS (
    SELECT FROM ops.event
    WHERE connection_id = %(connection_id)s AND report = %(report)s AND kind = %(kind)s AND closed_at IS NULL
)
