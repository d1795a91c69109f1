-- The tokens of each connection per day. What meters no tokens has no row.
SELECT
    connection_id, usage_date, sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) AS tokens,
    bool_and(settled) AS settled
FROM marts.daily_usage
WHERE connection_id = ANY (%(ids)s) AND usage_date BETWEEN %(first)s AND %(last)s
    AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL)
GROUP BY connection_id, usage_date
ORDER BY usage_date, connection_id
