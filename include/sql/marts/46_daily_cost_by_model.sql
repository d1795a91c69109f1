-- What each model cost, beside the tokens that it read and wrote: one row per connection, usage date, currency and model.
-- Models that bill and usage spell differently are one row. Amounts add up to the bill and tokens to what was metered;
-- use that nothing charges for has no amount, and '' for a currency. Never add different currencies.
-- connection_id: The connection.
-- provider: The vendor.
-- usage_date: The local date of the bucket, in the report's day zone.
-- currency: ISO 4217 code of the amount; where a model is charged in several, its tokens are in the first one's row.
-- model: The model, as the bill spells it, else as the usage does; '' where neither names one.
-- model_name: Its name where the provider lists one, else the same; `(no model)` where there is none.
-- amount: The cost, signed and exact, credits included; null where nothing is charged.
-- input_tokens: All input tokens, cached ones included. Null when no row metered it.
-- cached_input_tokens: The part of the input read from the cache. Null when no row metered it.
-- output_tokens: Output tokens. Null when no row metered it.
-- requests: Requests, or things that were run. Null when no row metered it.
-- cost_per_million_tokens: What is charged for tokens, without credits, by a million of input and output tokens, to 12 places; null where the two are not the same use: a part of the tokens is not charged, or charged in another currency or by another provider, or usage and bill have other days.
-- settled: True when the provider's figures for the date are no longer re-read.
CREATE VIEW marts.daily_cost_by_model AS
WITH side AS NOT MATERIALIZED (
    SELECT
        connection_id, provider, usage_date, family, currency, min(model) AS billed_model, NULL::text AS used_model,
        sum(amount) AS amount, NULL::numeric AS input_tokens, NULL::numeric AS cached_input_tokens,
        NULL::numeric AS output_tokens, NULL::numeric AS requests,
        sum(amount) FILTER (WHERE charge_category = 'Usage' AND meter LIKE '%tokens' AND meter <> 'training_tokens')
            AS of_tokens,
        array_agg(DISTINCT meter) FILTER (
            WHERE charge_category = 'Usage' AND meter LIKE '%tokens' AND meter <> 'training_tokens'
        ) AS billed, NULL::text[] AS used, true AS same, bool_and(settled) AS settled
    FROM marts.bill_lines
    GROUP BY connection_id, provider, usage_date, family, currency
    UNION ALL
    SELECT
        used.connection_id, used.provider, used.usage_date, coalesce(named.family, used.model), NULL, NULL,
        min(used.model), NULL, sum(used.input_tokens) FILTER (WHERE used.breakdown = ''),
        sum(used.cached_input_tokens) FILTER (WHERE used.breakdown = ''),
        sum(used.output_tokens) FILTER (WHERE used.breakdown = ''), sum(used.requests) FILTER (WHERE used.breakdown = ''),
        NULL, NULL, array_remove(ARRAY[
            CASE WHEN sum(used.input_tokens) FILTER (WHERE used.cached_input_tokens IS NULL) > 0 THEN 'input_tokens' END,
            CASE WHEN sum(used.input_tokens - used.cached_input_tokens - coalesce(used.cache_write_tokens, 0)) > 0
                THEN 'uncached_input_tokens' END,
            CASE WHEN sum(used.cached_input_tokens) > 0 THEN 'cached_input_tokens' END,
            CASE WHEN sum(used.cache_write_tokens) > 0 THEN 'cache_write_tokens' END,
            CASE WHEN sum(used.output_tokens) > 0 THEN 'output_tokens' END
        ], NULL),
        bool_and(used.breakdown = '' AND coalesce(used.byok_requests, 0) = 0),
        bool_and(coalesce(day.settled, false)) FILTER (WHERE used.breakdown = '')
    FROM ledger.usage_daily AS used
    LEFT JOIN ops.day AS day USING (connection_id, report, usage_date)
    LEFT JOIN ledger.model AS named ON named.provider = used.provider AND named.model = used.model
    WHERE used.breakdown IN ('', 'utc_day')
    GROUP BY used.connection_id, used.provider, used.usage_date, coalesce(named.family, used.model)
    HAVING bool_or(used.breakdown = '')
), priced AS (
    SELECT
        connection_id, provider, usage_date, family, coalesce(currency, first, '') AS currency,
        coalesce(max(billed_model), max(used_model)) AS model, trim_scale(sum(amount)) AS amount,
        sum(input_tokens) AS input_tokens, sum(cached_input_tokens) AS cached_input_tokens,
        sum(output_tokens) AS output_tokens, sum(requests) AS requests, sum(of_tokens) AS of_tokens,
        max(billed) AS billed, max(used) AS used, bool_and(same) AND min(first) = max(last) AS same,
        bool_and(settled) AS settled
    FROM (
        SELECT *, min(currency) OVER model_day AS first, max(currency) OVER model_day AS last
        FROM side
        WINDOW model_day AS (PARTITION BY connection_id, usage_date, family)
    ) AS both_sides
    GROUP BY connection_id, provider, usage_date, family, coalesce(currency, first, '')
)
SELECT
    priced.connection_id, priced.provider, priced.usage_date, priced.currency, priced.model,
    coalesce(listed.name, nullif(priced.model, ''), '(no model)') AS model_name, priced.amount, priced.input_tokens,
    priced.cached_input_tokens, priced.output_tokens, priced.requests,
    CASE WHEN priced.same AND NOT EXISTS (
        SELECT FROM unnest(priced.used) AS meter WHERE NOT ledger.wider_meters(meter) && priced.billed
    ) AND NOT EXISTS (
        SELECT FROM unnest(priced.billed) AS line
        WHERE NOT ledger.wider_meters(line) && priced.used AND NOT EXISTS (
            SELECT FROM unnest(priced.used) AS meter WHERE line = ANY (ledger.wider_meters(meter))
        )
    ) THEN trim_scale(round(
        priced.of_tokens * 1000000 / nullif(coalesce(priced.input_tokens, 0) + coalesce(priced.output_tokens, 0), 0), 12
    )) END AS cost_per_million_tokens,
    priced.settled
FROM priced
LEFT JOIN marts.names AS listed ON listed.connection_id = priced.connection_id AND listed.kind = 'model'
    AND listed.id = priced.model AND priced.usage_date >= listed.valid_from AND priced.usage_date < listed.valid_to
