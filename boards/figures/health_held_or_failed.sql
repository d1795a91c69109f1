SELECT count(*) FROM marts.coverage WHERE state IN ('held', 'failed')
