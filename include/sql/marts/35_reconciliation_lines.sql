-- The verdict on each line of each bill, and on use without a line: one row per connection, day, currency and line_key;
-- lines that charge for no use have their text as key. First the quantity, which must be equal, then the price, which
-- must be one that is known for the line. Words: docs/reconciliation.md.
-- connection_id: The connection.
-- provider: The vendor.
-- usage_date: The day of the bill.
-- currency: ISO 4217 code of the amounts.
-- line_key: What is compared, or the text of a line that charges for no use.
-- family: The name under which the model is compared; '' where the line names none.
-- meter: The meter that is compared.
-- verdict: reconciled, explained, within_bounds, out_of_bounds or unpriced.
-- cause: What is wrong, or what explains it, in words; '' where both are equal.
-- billed: The quantity on the bill; null where lines have none.
-- metered: The quantity that was metered; of lines that have one amount for all of a model, its tokens.
-- charged: What the lines come to; 0 where there are none.
-- rated: What should have been charged, at the prices that fit; null where a price is missing.
-- low: The least that it can come to.
-- high: The most that it can come to.
-- residual: charged less rated.
-- line_count: How many lines of the bill.
-- tier: The class of service at whose prices it is rated.
-- price_rank: The rank of the weakest price in it: 1 contract, 2 the vendor's list, 3 the bill, 4 and 5 catalogues.
-- price_source: Where the price comes from.
CREATE VIEW marts.reconciliation_lines AS
WITH allowed AS (
    SELECT
        *, greatest(line_count * 0.000000001, abs(charged) * CASE price_rank WHEN 3 THEN 0.0005 ELSE 0.000000001 END)
            AS tolerance
    FROM marts.line_comparison
), checked AS (
    SELECT *, line_count > 0 AND priced AND abs(charged - rated) <= tolerance AS fits FROM allowed
), fitted AS (
    SELECT
        *, CASE WHEN line_count > 0 AND bool_or(line_count > 0 AND NOT fits) OVER model
            THEN ledger.fitting_tiers(counted, tiers, prices, parts, charged, tolerance) END AS fitting,
        count(*) FILTER (WHERE line_count > 0) OVER model AS siblings
    FROM checked
    WINDOW model AS (PARTITION BY connection_id, usage_date, currency, family, tier, place)
), judged AS (
    SELECT
        *, CASE WHEN NOT fits AND fitting <> '' THEN ledger.shared_word(
            fitting, string_agg(fitting, ';') OVER model, siblings
        ) END AS other_tier,
        line_count > 0 AND billed <> metered AND has_use AS differs,
        -- Without quantities, a catalogue's price, or a list's for another host, is too weak to accuse a bill.
        line_count > 0 AND has_use AND NOT fits AND billed IS NULL AND (price_rank > 3 OR hosted AND price_rank > 1)
            AND (NOT open OR charged NOT BETWEEN low - tolerance AND high + tolerance) AS doubtful,
        -- What a vendor bills of nobody within four weeks, such as requests, is no finding.
        CASE WHEN line_count = 0 THEN EXISTS (
            SELECT FROM ledger.cost_daily AS lines
            WHERE lines.connection_id = fitted.connection_id AND lines.breakdown = ''
                AND lines.usage_date BETWEEN fitted.usage_date - 28 AND fitted.usage_date + 28
                AND lines.charge_category = 'Usage' AND (
                    lines.meter = fitted.meter
                    OR fitted.meter IN ('uncached_input_tokens', 'input_tokens', 'output_tokens')
                    AND lines.meter = ANY (ledger.wider_meters(fitted.meter))
                )
        ) END AS ever_billed,
        CASE WHEN NOT has_use THEN EXISTS (
            SELECT FROM marts.metered AS use
            WHERE use.connection_id = fitted.connection_id
                AND use.usage_date BETWEEN fitted.usage_date - 28 AND fitted.usage_date + 28
                AND fitted.meter = ANY (ledger.wider_meters(use.meter))
        ) END AS ever_metered
    FROM fitted
    WINDOW model AS (PARTITION BY connection_id, usage_date, currency, family, tier, place)
), line AS (
    SELECT
        connection_id, provider, usage_date, currency, line_key, family, meter, billed, metered,
        coalesce(charged, 0) AS charged, line_count, coalesce(other_tier, tier) AS tier, price_rank, price_source,
        CASE WHEN open THEN low ELSE rated END AS low, CASE WHEN open THEN high ELSE rated END AS high,
        CASE
            WHEN ever_metered THEN 0
            WHEN differs AND billed <> 0 THEN round(rated * metered / billed, 18)
            WHEN other_tier IS NOT NULL THEN charged
            WHEN doubtful THEN NULL
            WHEN priced THEN round(rated, 18)
        END AS rated,
        CASE
            WHEN line_count = 0 AND rated = 0 AND priced THEN ARRAY['reconciled', '']
            WHEN line_count = 0 AND priced THEN ARRAY['out_of_bounds', 'metered, not billed']
            WHEN line_count = 0 THEN ARRAY['unpriced', 'metered, not billed, and no price is known']
            WHEN ever_metered THEN ARRAY['out_of_bounds', 'billed, not metered']
            WHEN differs THEN ARRAY['out_of_bounds', 'the quantity differs from what was metered']
            WHEN fits AND has_use THEN ARRAY['reconciled', '']
            WHEN fits AND meter = 'storage_byte_hours' THEN ARRAY['explained', 'storage, at a known price']
            WHEN fits THEN ARRAY['within_bounds', 'at a known price, but nothing meters the quantity']
            WHEN other_tier IS NOT NULL THEN ARRAY['explained', 'at ' || other_tier || ' prices']
            WHEN NOT priced THEN ARRAY['unpriced', 'no price is known']
            WHEN doubtful THEN ARRAY['unpriced', 'no price is known for certain: that of ' || price_source || ' does not fit']
            WHEN billed IS NULL AND open AND charged BETWEEN low - tolerance AND high + tolerance
                THEN ARRAY['within_bounds', 'the class of service or the cached share is not said']
            WHEN billed IS NULL AND open THEN ARRAY['out_of_bounds', 'the amount is beyond its bounds']
            WHEN billed IS NULL THEN ARRAY['out_of_bounds', 'the amount is not what was metered at its prices']
            ELSE ARRAY['out_of_bounds', 'unknown price for this line']
        END AS said
    FROM judged
    WHERE line_count > 0 OR ever_billed
)
SELECT
    connection_id, provider, usage_date, currency, line_key, family, meter, said[1] AS verdict, said[2] AS cause,
    billed, metered, charged, rated, low, high, charged - rated AS residual, line_count, tier, price_rank, price_source
FROM line
UNION ALL
SELECT
    connection_id, provider, usage_date, currency,
    concat_ws(', ', nullif(category, ''), nullif(line_item, ''), nullif(meter, '')), family, meter,
    CASE charge_category WHEN 'Usage' THEN 'unpriced' ELSE 'explained' END,
    CASE charge_category WHEN 'Usage' THEN 'no rule knows this line' ELSE lower(charge_category) END,
    sum(quantity), NULL, sum(amount), CASE WHEN charge_category <> 'Usage' THEN sum(amount) END, sum(amount), sum(amount),
    CASE WHEN charge_category <> 'Usage' THEN 0 END, count(*), '', NULL, NULL
FROM marts.bill_lines
WHERE charge_category <> 'Usage' OR meter <> ALL (ledger.billed_meters())
GROUP BY connection_id, provider, usage_date, currency, category, line_item, family, meter, charge_category
