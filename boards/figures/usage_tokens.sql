SELECT sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) FROM marts.daily_usage
