SELECT count(*) FROM marts.coverage WHERE state = 'missing'
