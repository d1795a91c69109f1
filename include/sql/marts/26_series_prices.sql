-- The prices that may apply to each series of usage and bill lines: one row per combination that prices depend on and
-- interval of dates, with the best price of each class of service. Best: the lowest rank, a connection's own before
-- any, the most exact model, region, host and context.
-- connection_id: The connection.
-- provider: The vendor.
-- model: The model as that side spells it; the accelerator's type for accelerator_seconds.
-- region: Where it ran.
-- host: Who served it.
-- context_window: The vendor's class of context length; where it is '', each context has a class of its own in `tiers`.
-- meter: What is priced, in the words of docs/reconciliation.md.
-- currency: ISO 4217 code of the prices.
-- valid_from: The first date.
-- valid_to: The date after the last.
-- tiers: The classes of service that have a price.
-- prices: The price of one unit in each of them.
-- ranks: The rank of each: 1 contract, 2 the vendor's list, 3 the bill, 4 and 5 public catalogues.
-- sources: The file, list or catalogue of each.
-- lowest: The lowest that one unit can cost; for input whose cached part is not metered, the lowest of both.
-- highest: The highest that one unit can cost.
CREATE VIEW marts.series_prices AS
WITH series AS NOT MATERIALIZED (
    SELECT DISTINCT connection_id, provider, model, region, host, context_window FROM ledger.usage_daily
    WHERE breakdown IN ('', 'utc_day')
    UNION
    SELECT DISTINCT connection_id, provider, accelerator, region, host, context_window FROM ledger.usage_daily
    WHERE breakdown IN ('', 'utc_day') AND accelerator <> ''
    UNION
    SELECT DISTINCT connection_id, provider, model, region, host, context_window FROM ledger.cost_daily
    WHERE breakdown = ''
    UNION
    SELECT DISTINCT connection_id, provider, accelerator, region, host, context_window FROM ledger.cost_daily
    WHERE breakdown = '' AND accelerator <> ''
), fit AS NOT MATERIALIZED (
    SELECT
        series.connection_id, series.provider, series.model, series.region, series.host, series.context_window,
        serves.meter, serves.part, price.currency, price.valid_from, price.valid_to, price.price, price.rank,
        price.source,
        price.service_tier || CASE WHEN series.context_window = '' AND price.context_from > 0
            THEN ' above ' || price.context_from ELSE '' END AS tier,
        price.rank * 8 - (price.connection_id <> '')::integer AS place,
        price.precision + (price.model <> '')::integer AS precision,
        (price.region <> '')::integer + (price.host <> '')::integer AS exactness, price.context_from
    FROM series
    JOIN marts.model_prices AS price ON price.provider = series.provider AND price.model IN (series.model, '')
        AND price.connection_id IN (series.connection_id, '') AND price.region IN (series.region, '')
        AND price.host IN (series.host, '')
        AND (series.context_window = '' OR price.context_from <= ledger.context_from(series.context_window))
    CROSS JOIN LATERAL (
        SELECT price.meter, '' AS part
        UNION ALL
        SELECT 'input_tokens', ' cached' WHERE price.meter = 'cached_input_tokens'
    ) AS serves
), bounds AS (
    SELECT
        connection_id, provider, model, region, host, context_window, meter, currency, day AS valid_from,
        lead(day) OVER (
            PARTITION BY connection_id, provider, model, region, host, context_window, meter, currency ORDER BY day
        ) AS valid_to
    FROM (
        SELECT connection_id, provider, model, region, host, context_window, meter, currency, valid_from AS day FROM fit
        UNION
        SELECT connection_id, provider, model, region, host, context_window, meter, currency, valid_to FROM fit
    ) AS days
), best AS (
    SELECT DISTINCT ON (
        connection_id, provider, model, region, host, context_window, meter, currency, valid_from, tier, part
    )
        connection_id, provider, model, region, host, context_window, meter, currency, bounds.valid_from,
        bounds.valid_to, fit.tier, fit.part, fit.price, fit.rank, fit.source
    FROM bounds
    JOIN fit USING (connection_id, provider, model, region, host, context_window, meter, currency)
    WHERE fit.valid_from <= bounds.valid_from AND bounds.valid_from < fit.valid_to
    ORDER BY
        connection_id, provider, model, region, host, context_window, meter, currency, valid_from, tier, part,
        fit.place, fit.precision DESC, fit.exactness DESC, fit.context_from DESC
)
SELECT
    connection_id, provider, model, region, host, context_window, meter, currency, valid_from, valid_to,
    array_agg(tier ORDER BY tier) FILTER (WHERE part = '') AS tiers,
    array_agg(price ORDER BY tier) FILTER (WHERE part = '') AS prices,
    array_agg(rank ORDER BY tier) FILTER (WHERE part = '') AS ranks,
    array_agg(source ORDER BY tier) FILTER (WHERE part = '') AS sources,
    min(price) AS lowest, max(price) AS highest
FROM best
GROUP BY connection_id, provider, model, region, host, context_window, meter, currency, valid_from, valid_to
