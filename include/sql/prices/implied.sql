-- The prices that settled bill lines imply where neither a contract nor a list has one: one row per run of days at one
-- price. Days on which lines of one kind imply several prices are left out. The price is that of the largest day, whose
-- rounding weighs least.
WITH said AS MATERIALIZED (
    SELECT DISTINCT provider, connection_id, model, meter, service_tier, region, currency, valid_from, valid_to
    FROM marts.model_prices
    WHERE rank <= 2
), line AS (
    SELECT
        connection_id, provider, region, host, currency, meter, usage_date, quantity, amount,
        CASE WHEN meter = 'accelerator_seconds' AND accelerator <> '' THEN accelerator ELSE family END AS model,
        coalesce(nullif(tier, ''), 'standard') AS service_tier,
        ledger.context_from(context_window) AS context_from,
        amount / quantity AS price
    FROM marts.bill_lines AS lines
    WHERE charge_category = 'Usage' AND settled AND quantity > 0 AND amount > 0 AND meter = ANY (%(meters)s)
        AND (%(connection_id)s IS NULL OR connection_id = %(connection_id)s)
        AND NOT EXISTS (
            SELECT FROM said
            WHERE said.provider = lines.provider AND said.connection_id IN ('', lines.connection_id)
                AND said.model = CASE WHEN lines.meter = 'accelerator_seconds' AND lines.accelerator <> ''
                    THEN lines.accelerator ELSE lines.model END
                AND said.meter = lines.meter AND said.service_tier = coalesce(nullif(lines.tier, ''), 'standard')
                AND said.region IN ('', lines.region) AND said.currency = lines.currency
                AND lines.usage_date >= said.valid_from AND lines.usage_date < said.valid_to
        )
), day AS (
    SELECT
        connection_id, provider, model, meter, service_tier, context_from, region, host, currency, usage_date,
        sum(quantity) AS quantity, (array_agg(price ORDER BY quantity DESC, price))[1] AS price
    FROM (
        SELECT *, first_value(price) OVER (
            PARTITION BY connection_id, provider, model, meter, service_tier, context_from, region, host, currency,
                usage_date
            ORDER BY quantity DESC, price
        ) AS of_largest
        FROM line
    ) AS compared
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    HAVING bool_and(abs(amount - quantity * of_largest) <= greatest(0.0005 * amount, 0.000001))
), stepped AS (
    SELECT
        *, CASE WHEN abs(price - lag(price) OVER earlier) <= 0.0005 * lag(price) OVER earlier
            AND usage_date - lag(usage_date) OVER earlier <= 28 THEN 0 ELSE 1 END AS step
    FROM day
    WINDOW earlier AS (
        PARTITION BY connection_id, provider, model, meter, service_tier, context_from, region, host, currency
        ORDER BY usage_date
    )
), run AS (
    SELECT *, sum(step) OVER (
        PARTITION BY connection_id, provider, model, meter, service_tier, context_from, region, host, currency
        ORDER BY usage_date
    ) AS place
    FROM stepped
)
SELECT
    connection_id, provider, model, meter, service_tier, context_from, region, host, currency, min(usage_date),
    count(*), round((array_agg(price ORDER BY quantity DESC, usage_date))[1], 18)
FROM run
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, place
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, place
