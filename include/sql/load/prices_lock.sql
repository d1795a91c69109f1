-- One writer at a time for a source of prices. The instant is after the lock, so that intervals of recording are in order.
WITH locked AS MATERIALIZED (
    SELECT pg_advisory_xact_lock(hashtextextended(%(rank)s::text || '/prices/' || %(source)s, 7423))
)
SELECT clock_timestamp() FROM locked
