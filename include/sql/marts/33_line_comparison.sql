-- Each line of each bill with the use that it charges for, summed and priced: one row per connection, day, currency and
-- line_key. marts.reconciliation_lines judges them.
-- connection_id: The connection.
-- provider: The vendor.
-- usage_date: The day of the bill.
-- currency: ISO 4217 code of the amounts; the bill's of that day for use without a line; null where there is no bill.
-- line_key: What is compared.
-- family: The name under which the model is compared; '' where the line names none.
-- meter: The meter that is compared.
-- place: The dimensions other than model and meter that are compared.
-- billed: The quantity on the bill, in the meter's unit; null where lines have none.
-- metered: The quantity that was metered; of lines that have one amount for all of a model, its tokens.
-- charged: What the lines come to; null where there are none.
-- line_count: How many lines of the bill.
-- has_use: True where anything was metered for it.
-- rated: What the quantity comes to at the prices of the day; of lines without a quantity, what was metered.
-- priced: True where every part of it has a price.
-- low: The least that it can come to, where the class of service, the context or the cached share is not said.
-- high: The most that it can come to.
-- open: True where the class of service, the context or the cached share is not said, or another vendor bills a part.
-- hosted: True where another vendor served it, at prices of its own.
-- price_rank: The rank of the weakest price in it: 1 contract, 2 the vendor's list, 3 the bill, 4 and 5 catalogues.
-- price_source: Where the prices come from.
-- tier: The class of service at whose prices it is rated.
-- counted: The quantity that is priced; null where parts have prices of their own.
-- tiers: The classes of service that have a price; null where parts have prices of their own.
-- prices: The price of one unit in each of them.
-- parts: Quantity, classes of service and prices of each part, where there is more than one.
CREATE VIEW marts.line_comparison AS
WITH keyed AS (
    SELECT
        *, count(*) FILTER (WHERE billed) OVER line AS bill_series, count(*) FILTER (WHERE NOT billed) OVER line AS uses,
        coalesce(bool_or(quantity IS NULL) FILTER (WHERE billed) OVER line, false) AS no_quantity,
        min(tier) FILTER (WHERE NOT billed) OVER line AS first_tier,
        max(tier) FILTER (WHERE NOT billed) OVER line AS last_tier,
        coalesce(
            nullif(currency, ''), min(currency) FILTER (WHERE billed) OVER line,
            min(currency) FILTER (WHERE billed) OVER day
        ) AS line_currency
    FROM marts.matched_series
    WINDOW day AS (PARTITION BY connection_id, usage_date), line AS (PARTITION BY connection_id, usage_date, line_key)
), priced AS (
    SELECT
        keyed.*, price.tiers, price.prices, price.ranks, price.sources, price.lowest, price.highest,
        array_position(price.tiers, coalesce(
            nullif(keyed.tier, ''), CASE WHEN first_tier = last_tier THEN nullif(first_tier, '') END, 'standard'
        )) AS nth,
        -- What is priced: the lines' own quantities; where the bill has none, or no line, what was metered.
        CASE WHEN bill_series = 0 OR no_quantity THEN NOT billed ELSE billed END AS counts,
        CASE WHEN bill_series = 0 OR no_quantity THEN uses ELSE bill_series END AS part_count,
        tier_open AND cardinality(price.tiers) > 1 OR own_key_requests > 0 OR keyed.meter = 'input_tokens'
            AND price.lowest < price.highest AS open,
        CASE WHEN own_key_requests > 0 THEN 0 ELSE price.lowest END AS least
    FROM keyed
    LEFT JOIN marts.series_prices AS price ON price.connection_id = keyed.connection_id
        AND price.model = CASE keyed.meter WHEN 'accelerator_seconds' THEN keyed.accelerator ELSE keyed.model END
        AND price.region = keyed.region AND price.host = keyed.host AND price.context_window = keyed.context_window
        AND price.meter = keyed.meter AND price.currency = coalesce(keyed.line_currency, 'USD')
        AND price.valid_from <= keyed.usage_date AND keyed.usage_date < price.valid_to
)
SELECT
    connection_id, provider, usage_date, line_currency AS currency, line_key, line_family AS family,
    line_meter AS meter, place,
    CASE WHEN NOT bool_or(no_quantity) THEN sum(quantity) FILTER (WHERE billed) END AS billed,
    coalesce(sum(quantity) FILTER (
        WHERE NOT billed AND (line_meter <> 'tokens' OR meter LIKE '%tokens')
    ), 0) AS metered,
    sum(amount) AS charged, sum(line_count) AS line_count, bool_or(NOT billed) AS has_use,
    sum(quantity * prices[nth]) FILTER (WHERE counts) AS rated,
    coalesce(
        bool_and(nth IS NOT NULL OR meter = 'requests' AND line_meter = 'tokens') FILTER (WHERE counts), false
    ) AS priced,
    sum(quantity * CASE WHEN open OR nth IS NULL THEN least ELSE prices[nth] END) FILTER (WHERE NOT billed) AS low,
    sum(quantity * CASE WHEN open OR nth IS NULL THEN highest ELSE prices[nth] END) FILTER (WHERE NOT billed) AS high,
    coalesce(bool_or(open) FILTER (WHERE NOT billed), false) AS open, bool_or(host <> '') AS hosted,
    max(ranks[nth]) FILTER (WHERE counts) AS price_rank, min(sources[nth]) FILTER (WHERE counts) AS price_source,
    coalesce(max(tiers[nth]) FILTER (WHERE counts), 'standard') AS tier,
    sum(quantity) FILTER (WHERE counts AND part_count = 1) AS counted,
    min(tiers) FILTER (WHERE counts AND part_count = 1) AS tiers,
    min(prices) FILTER (WHERE counts AND part_count = 1) AS prices,
    jsonb_agg(jsonb_build_object('quantity', quantity, 'tiers', tiers, 'prices', prices))
        FILTER (WHERE counts AND part_count > 1 AND tiers IS NOT NULL) AS parts
FROM priced
GROUP BY connection_id, provider, usage_date, line_currency, line_key, line_family, line_meter, place
