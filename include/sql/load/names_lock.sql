-- Names belong to the connection, whatever report sends them.
SELECT pg_advisory_xact_lock(hashtextextended(%(connection_id)s || '/names', 7423))
