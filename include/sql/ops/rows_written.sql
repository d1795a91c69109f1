-- How many current rows of a table were written by a run's loads, or by these.
SELECT count(*)
FROM {table} AS fact
JOIN ops.load AS load ON load.load_id = fact.load_id
    AND fact.usage_date >= load.window_from AND fact.usage_date < load.window_to
WHERE fact.connection_id = %(connection_id)s AND load.connection_id = %(connection_id)s
    AND (load.run_id = %(run_id)s OR load.load_id = ANY(%(load_ids)s::uuid[]))
