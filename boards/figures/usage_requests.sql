SELECT sum(requests) FROM marts.daily_usage
