-- What a report's open events of a kind say.
SELECT message
FROM ops.event
WHERE connection_id = %(connection_id)s AND report IS NOT DISTINCT FROM %(report)s AND kind = %(kind)s
    AND closed_at IS NULL
