SELECT sum(cached_input_tokens) / sum(input_tokens) FROM marts.daily_usage WHERE cached_input_tokens IS NOT NULL
