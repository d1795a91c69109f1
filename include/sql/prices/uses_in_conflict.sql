-- The conflicts of prices of models that a connection used or paid in the last five weeks it has figures of.
WITH newest AS (
    SELECT connection_id, max(usage_date) - 35 AS since FROM ops.day WHERE state = 'loaded' GROUP BY connection_id
), used AS (
    SELECT usage.connection_id, usage.provider, usage.model, min(usage.usage_date) AS first, max(usage.usage_date) AS last
    FROM newest JOIN ledger.usage_daily AS usage
        ON usage.connection_id = newest.connection_id AND usage.usage_date > newest.since
    GROUP BY 1, 2, 3
    UNION ALL
    SELECT cost.connection_id, cost.provider, cost.model, min(cost.usage_date), max(cost.usage_date)
    FROM newest JOIN ledger.cost_daily AS cost
        ON cost.connection_id = newest.connection_id AND cost.usage_date > newest.since
    GROUP BY 1, 2, 3
)
SELECT DISTINCT
    used.connection_id, conflict.model, conflict.source, conflict.other_source, conflict.meter, conflict.service_tier,
    conflict.context_from, conflict.currency, conflict.price, conflict.other_price
FROM marts.price_conflicts AS conflict
JOIN used ON used.provider = conflict.provider AND used.model = conflict.model
    AND conflict.connection_id IN ('', used.connection_id)
    AND used.last >= conflict.valid_from AND used.first < conflict.valid_to
ORDER BY 1, 2, 3, 4, 5, 6, 7
