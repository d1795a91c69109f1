-- Rows of usage of the record, and what they meter, by model, resource, region and endpoint: the largest of each.
WITH uses AS (
    SELECT
        coalesce(nullif(model, ''), '(no model)') AS model, coalesce(nullif(resource, ''), '(no resource)') AS resource,
        coalesce(nullif(region, ''), '(no region)') AS region, report AS endpoint,
        requests, input_tokens, output_tokens
    FROM marts.daily_usage
    WHERE connection_id = %(id)s AND usage_date BETWEEN %(first)s AND %(last)s
), sums AS (
    SELECT
        CASE
            WHEN grouping(model) = 0 THEN 'model'
            WHEN grouping(resource) = 0 THEN 'resource'
            WHEN grouping(region) = 0 THEN 'region'
            ELSE 'endpoint'
        END AS dimension,
        coalesce(model, resource, region, endpoint) AS name,
        count(*) AS rows, sum(requests) AS requests, sum(input_tokens) AS input_tokens,
        sum(output_tokens) AS output_tokens
    FROM uses
    GROUP BY GROUPING SETS (model, resource, region, endpoint)
), numbered AS (
    SELECT
        *, row_number() OVER (PARTITION BY dimension ORDER BY rows DESC, name) AS place,
        count(*) OVER (PARTITION BY dimension) AS names
    FROM sums
)
SELECT dimension, name, rows, requests, input_tokens, output_tokens, names
FROM numbered
WHERE place <= 10
ORDER BY dimension, place
