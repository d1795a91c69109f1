SELECT coalesce(sum(open_events), 0) FROM marts.connection_status WHERE newest_event_at > now() - interval '7 days'
