-- The connections whose derived prices are not of their newest load, or not of the newest contracts and lists of their
-- provider; and what those are.
WITH newest AS (
    SELECT connection_id, max(ended_at)::text AS loaded FROM ops.load WHERE state = 'loaded' GROUP BY connection_id
), book AS (
    SELECT provider, greatest(max(recorded_at), max(superseded_at))::text AS changed
    FROM ledger.price
    WHERE rank <= 2
    GROUP BY provider
), now_is AS (
    SELECT connection_id, concat_ws(' ', newest.loaded, book.changed) AS content
    FROM newest
    JOIN ops.connection AS connection USING (connection_id)
    LEFT JOIN book ON book.provider = connection.provider
)
SELECT now_is.connection_id, now_is.content
FROM now_is
LEFT JOIN ops.price_file AS applied ON applied.name = %(prefix)s || now_is.connection_id
WHERE applied.content IS DISTINCT FROM now_is.content
ORDER BY now_is.connection_id
