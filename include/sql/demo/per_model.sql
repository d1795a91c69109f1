-- What each provider's models did; the name is its last segment. What is not a token or a request is in words.
SELECT
    provider, regexp_replace(model, '.*/', '') AS model, usage_type, sum(requests)::bigint AS requests,
    sum(input_tokens)::bigint AS input, sum(cached_input_tokens)::bigint AS cached,
    sum(output_tokens)::bigint AS output,
    nullif(concat_ws(', ',
        to_char(sum(training_tokens), 'FM999,999,999,990') || ' trained',
        rtrim(to_char(sum(audio_seconds), 'FM999,999,999,990.999'), '.') || ' s of audio',
        rtrim(to_char(sum(accelerator_seconds), 'FM999,999,999,990.999'), '.') || ' GPU s',
        rtrim(to_char(sum(compute_seconds), 'FM999,999,999,990.999'), '.') || ' s',
        to_char(sum(images), 'FM999,999,999,990') || ' images',
        to_char(sum(characters), 'FM999,999,999,990') || ' characters'
    ), '') AS other
FROM marts.daily_usage_by_model
WHERE connection_id = ANY(%(connections)s) AND usage_date BETWEEN %(first)s AND %(last)s
GROUP BY provider, marts.daily_usage_by_model.model, usage_type
ORDER BY provider, input DESC NULLS LAST, model
