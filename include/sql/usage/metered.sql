-- What was metered of one usage type, by date and the chosen columns. A column that is not chosen has its value where all
-- rows of a group agree. A gauge is shown where one row alone has it.
SELECT usage_date, min(bucket_start) AS bucket_start, max(bucket_end) AS bucket_end, {values}, {sums},
    sum(input_tokens - cached_input_tokens) AS uncached_input_tokens
FROM (
    SELECT usage.*, coalesce(on_day.name, '') AS api_key_name
    FROM ledger.usage_daily AS usage
    LEFT JOIN LATERAL (
        SELECT name.name
        FROM ledger.name AS name
        WHERE %(named)s AND name.connection_id = usage.connection_id AND name.kind = 'api_key'
            AND name.id = usage.api_key_id AND (usage.usage_date < name.valid_to OR name.valid_to IS NULL)
        ORDER BY name.valid_from
        LIMIT 1
    ) AS on_day ON true
    WHERE usage.connection_id = %(connection_id)s AND usage.breakdown = %(breakdown)s
        AND usage.usage_type = %(usage_type)s AND usage.usage_date >= %(first)s AND usage.usage_date < %(end)s
) AS metered
WHERE {conditions}
GROUP BY {groups}
ORDER BY {groups}
