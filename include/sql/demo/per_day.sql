-- Tokens, seconds and money of each usage date and provider.
SELECT used.provider, used.usage_date, used.input, used.cached, used.output, used.gpu_seconds, cost.amount AS cost_usd
FROM (
    SELECT provider, usage_date, sum(input_tokens)::bigint AS input, sum(cached_input_tokens)::bigint AS cached,
        sum(output_tokens)::bigint AS output, sum(accelerator_seconds) AS gpu_seconds
    FROM marts.daily_usage
    WHERE connection_id = ANY(%(connections)s) AND usage_date BETWEEN %(first)s AND %(last)s
    GROUP BY provider, usage_date
) AS used
LEFT JOIN (
    SELECT provider, usage_date, sum(amount) AS amount
    FROM marts.daily_cost
    WHERE connection_id = ANY(%(connections)s) AND currency = 'USD'
    GROUP BY provider, usage_date
) AS cost USING (provider, usage_date)
ORDER BY provider, usage_date
