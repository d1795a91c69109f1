-- What was loaded before is no news.
UPDATE ops.load SET announced_at = clock_timestamp()
