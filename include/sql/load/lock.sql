-- One writer at a time for a connection's report; released at commit.
SELECT pg_advisory_xact_lock(hashtextextended(%(connection_id)s || '/' || %(report)s, 7423))
