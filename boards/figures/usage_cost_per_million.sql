SELECT sum(cost_per_million_tokens * tokens) / nullif(sum(tokens), 0)
FROM (
    SELECT cost_per_million_tokens, coalesce(input_tokens, 0) + coalesce(output_tokens, 0) AS tokens
    FROM marts.daily_cost_by_model
    WHERE cost_per_million_tokens IS NOT NULL AND currency = %(currency)s
) AS priced
