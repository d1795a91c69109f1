-- The tokens per day: of the connections that used most by name, of the others in one. What meters none has no row.
WITH daily AS (
    SELECT
        connection_id, usage_date, sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) AS tokens,
        bool_and(settled) AS settled
    FROM marts.daily_usage
    WHERE connection_id = ANY (%(ids)s) AND usage_date BETWEEN %(first)s AND %(last)s
        AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL)
    GROUP BY connection_id, usage_date
), ranked AS (
    SELECT connection_id, row_number() OVER (ORDER BY sum(tokens) DESC, connection_id) <= %(most)s AS by_name
    FROM daily
    GROUP BY connection_id
)
SELECT
    usage_date, CASE WHEN by_name THEN connection_id ELSE %(others)s END AS series, sum(tokens) AS amount,
    bool_and(settled) AS settled
FROM daily
JOIN ranked USING (connection_id)
GROUP BY usage_date, series
ORDER BY usage_date, series
