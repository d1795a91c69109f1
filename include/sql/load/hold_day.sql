-- The date keeps its rows and says what came instead.
UPDATE ops.day
SET state = 'held', evidence = evidence || %(evidence)s
WHERE connection_id = %(connection_id)s AND report = %(report)s AND usage_date = %(usage_date)s
