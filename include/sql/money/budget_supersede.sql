UPDATE ledger.budget SET superseded_at = clock_timestamp() WHERE name = %(name)s AND superseded_at IS NULL
