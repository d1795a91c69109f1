-- What each provider metered and charged on each usage date.
SELECT
    provider, usage_date, used.requests, used.input, used.cached, used.output, used.gpu_seconds, used.images,
    cost.usd AS cost_usd, cost.eur AS cost_eur
FROM (
    SELECT
        provider, usage_date, sum(requests)::bigint AS requests, sum(input_tokens)::bigint AS input,
        sum(cached_input_tokens)::bigint AS cached, sum(output_tokens)::bigint AS output,
        sum(accelerator_seconds) AS gpu_seconds, sum(images)::bigint AS images
    FROM marts.daily_usage
    WHERE connection_id = ANY(%(connections)s) AND usage_date BETWEEN %(first)s AND %(last)s
    GROUP BY provider, usage_date
) AS used
FULL JOIN (
    SELECT
        provider, usage_date, sum(amount) FILTER (WHERE currency = 'USD') AS usd,
        sum(amount) FILTER (WHERE currency = 'EUR') AS eur
    FROM marts.daily_cost
    WHERE connection_id = ANY(%(connections)s) AND usage_date BETWEEN %(first)s AND %(last)s
    GROUP BY provider, usage_date
) AS cost USING (provider, usage_date)
ORDER BY provider, usage_date
