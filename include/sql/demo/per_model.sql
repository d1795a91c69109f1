-- Tokens and seconds of each provider's models; the name is its last segment.
SELECT provider, regexp_replace(model, '.*/', '') AS model, usage_type, sum(input_tokens)::bigint AS input,
    sum(cached_input_tokens)::bigint AS cached, sum(output_tokens)::bigint AS output,
    sum(training_tokens)::bigint AS trained, sum(audio_seconds) AS audio_seconds, sum(accelerator_seconds) AS gpu_seconds
FROM marts.daily_usage_by_model
WHERE connection_id = ANY(%(connections)s) AND usage_date BETWEEN %(first)s AND %(last)s
GROUP BY provider, marts.daily_usage_by_model.model, usage_type
ORDER BY provider, input DESC NULLS LAST, model
