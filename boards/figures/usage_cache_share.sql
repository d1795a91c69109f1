SELECT sum(cached) / sum(input) FILTER (WHERE cached IS NOT NULL)
FROM (
    SELECT sum(cached_input_tokens) AS cached, sum(input_tokens) AS input
    FROM marts.daily_usage
    GROUP BY connection_id, report, usage_date, usage_type, model
) AS day_of_a_model
