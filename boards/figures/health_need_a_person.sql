SELECT count(*) FROM marts.connection_status WHERE state NOT IN ('ok', 'new', 'retired')
