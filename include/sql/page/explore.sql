-- The figures of a question: rows of its table (`row`), bars of its chart by day (`bar`), and the sums of all rows
-- (`sum`). Each has a line for every currency, and one without currency for what was metered. `weight` is the chosen
-- measure; of costs that of one currency alone, that with the most rows.
WITH part AS MATERIALIZED (
    SELECT
        {cost_first}::text AS first_id, {cost_second}::text AS second_id, max({cost_first_name}) AS first_name,
        max({cost_second_name}) AS second_name, currency, trim_scale(sum(amount)) AS cost, NULL::numeric AS requests,
        NULL::numeric AS input_tokens, NULL::numeric AS cached_input_tokens, NULL::numeric AS output_tokens,
        bool_and(settled) AS settled
    FROM {cost_mart}
    WHERE connection_id = ANY (%(connections)s) AND usage_date >= %(first)s AND usage_date < %(end)s AND {cost_filters}
    GROUP BY first_id, second_id, currency
    UNION ALL
    SELECT
        {usage_first}::text AS first_id, {usage_second}::text AS second_id, max({usage_first_name}),
        max({usage_second_name}), '', NULL, sum(requests), sum(input_tokens), sum(cached_input_tokens),
        sum(output_tokens), bool_and(settled)
    FROM {usage_mart}
    WHERE connection_id = ANY (%(connections)s) AND usage_date >= %(first)s AND usage_date < %(end)s AND {usage_filters}
    GROUP BY first_id, second_id
    HAVING num_nonnulls(sum(requests), sum(input_tokens), sum(cached_input_tokens), sum(output_tokens)) > 0
), main AS (
    SELECT currency
    FROM part
    WHERE (currency <> '') = %(of_money)s
    GROUP BY currency
    ORDER BY count(*) DESC, sum(cost) DESC, currency
    LIMIT 1
), entry AS MATERIALIZED (
    SELECT part.*, CASE WHEN main.currency IS NOT NULL THEN {measure} END AS weight
    FROM part
    LEFT JOIN main ON main.currency = part.currency
), line AS (
    SELECT
        first_id, second_id, count(*) OVER () AS line_count,
        row_number() OVER (ORDER BY {newest} DESC, sum(weight) DESC NULLS LAST, first_id, second_id) AS place
    FROM entry
    GROUP BY first_id, second_id
), series AS (
    SELECT {series} AS id, row_number() OVER (ORDER BY sum(abs(weight)) DESC, {series}) AS place
    FROM entry
    WHERE weight IS NOT NULL AND %(of_days)s
    GROUP BY {series}
)
SELECT
    'row' AS kind, line.place, line.line_count, entry.first_id, entry.second_id, entry.first_name,
    entry.second_name, entry.currency, entry.cost, entry.requests, entry.input_tokens,
    entry.cached_input_tokens, entry.output_tokens, entry.settled, entry.weight
FROM line
JOIN entry USING (first_id, second_id)
WHERE line.place <= %(most)s
UNION ALL
SELECT
    'bar', 0, least(series.place, %(most_series)s + 1), entry.{day},
    CASE WHEN series.place <= %(most_series)s THEN series.id ELSE '' END, NULL, max(entry.{series_name}),
    entry.currency, NULL, NULL, NULL, NULL, NULL, bool_and(entry.settled), sum(entry.weight)
FROM entry
JOIN series ON series.id = entry.{series}
WHERE entry.weight IS NOT NULL
GROUP BY 3, 4, 5, entry.currency
UNION ALL
SELECT
    'sum', 0, max(line_count), '', '', '', '', currency, sum(cost), sum(requests), sum(input_tokens),
    sum(cached_input_tokens), sum(output_tokens), bool_and(settled), sum(weight)
FROM entry
CROSS JOIN (SELECT count(*) AS line_count FROM line) AS lines
GROUP BY currency
ORDER BY kind, place, currency
