UPDATE ops.load SET announced_at = clock_timestamp() WHERE load_id = ANY(%(load_ids)s::uuid[])
