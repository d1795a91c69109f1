-- One writer of owners at a time. The instant is after the lock, so that intervals of recording are in order.
WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended('owners', 7423)))
SELECT clock_timestamp() FROM locked
