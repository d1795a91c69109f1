SELECT pg_advisory_xact_lock(hashtextextended('verdict.' || %(connection_id)s, 7424))
