-- Prices of the ledger's models about which two sources differ by more than 2 %: one row per pair of sources and interval
-- in which both hold. A contract is meant to differ, so that it is not compared.
-- provider: The vendor.
-- connection_id: The connection whose bill says one of them; '' where it holds for every connection.
-- model: The model's id as in the facts; '' for what is sold without a model.
-- meter: What is priced, in the words of docs/reconciliation.md.
-- service_tier: The class of service.
-- context_from: For requests of more input tokens than this.
-- region: Where both hold; '' for everywhere.
-- host: Whose serving both are for; '' for any.
-- currency: ISO 4217 code of the prices.
-- valid_from: The first date on which both hold.
-- valid_to: The date after the last one.
-- rank: Of the source that counts.
-- source: The source that counts.
-- price: What it says for one unit of the meter.
-- other_rank: Of the other source.
-- other_source: The other source.
-- other_price: What the other source says.
-- ratio: The higher price as a multiple of the lower one; null where that is 0.
CREATE VIEW marts.price_conflicts AS
WITH said AS MATERIALIZED (
    -- All input has the price of uncached input: that one is compared.
    SELECT DISTINCT ON (
        provider, model, meter, service_tier, context_from, region, host, currency, connection_id, rank, source,
        valid_from
    ) *
    FROM marts.model_prices
    WHERE rank > 1 AND meter <> 'input_tokens'
    ORDER BY
        provider, model, meter, service_tier, context_from, region, host, currency, connection_id, rank, source,
        valid_from, precision DESC, valid_to DESC
), compared AS (
    SELECT
        one.provider, greatest(one.connection_id, other.connection_id) AS connection_id, one.model, one.meter,
        one.service_tier, one.context_from, one.region, one.host, one.currency,
        greatest(one.valid_from, other.valid_from) AS valid_from, least(one.valid_to, other.valid_to) AS valid_to,
        one.rank, one.source, one.price, other.rank AS other_rank, other.source AS other_source,
        other.price AS other_price
    FROM said AS one
    JOIN said AS other USING (provider, model, meter, service_tier, context_from, region, host, currency)
    WHERE one.rank < other.rank AND one.valid_from < other.valid_to AND other.valid_from < one.valid_to
        AND (one.connection_id = other.connection_id OR one.connection_id = '' OR other.connection_id = '')
)
SELECT
    *, CASE WHEN least(price, other_price) > 0
        THEN round(greatest(price, other_price) / least(price, other_price), 6) END AS ratio
FROM compared
WHERE greatest(price, other_price) > 1.02 * least(price, other_price)
