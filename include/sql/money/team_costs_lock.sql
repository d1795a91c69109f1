-- One recording of a connection at a time, and no change of owners meanwhile (owners/lock.sql).
SELECT pg_advisory_xact_lock(hashtextextended('team_cost.' || %(connection_id)s, 7424)),
    pg_advisory_xact_lock_shared(hashtextextended('owners', 7423))
