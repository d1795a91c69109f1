-- Tokens, seconds and money of each usage date.
SELECT used.usage_date, used.input, used.cached, used.output, used.gpu_seconds, cost.amount AS cost_usd
FROM (
    SELECT usage_date, sum(input_tokens)::bigint AS input, sum(cached_input_tokens)::bigint AS cached,
        sum(output_tokens)::bigint AS output, sum(accelerator_seconds) AS gpu_seconds
    FROM marts.daily_usage
    WHERE connection_id = %(connection_id)s AND usage_date BETWEEN %(first)s AND %(last)s
    GROUP BY usage_date
) AS used
LEFT JOIN (
    SELECT usage_date, sum(amount) AS amount
    FROM marts.daily_cost
    WHERE connection_id = %(connection_id)s AND currency = 'USD'
    GROUP BY usage_date
) AS cost USING (usage_date)
ORDER BY usage_date
