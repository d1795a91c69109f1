-- What was metered at the prices of the day: one row per row of usage and part of it. Null where no price is known.
-- connection_id: The connection that fetched the row.
-- provider: The vendor.
-- report: The endpoint it came from.
-- usage_date: The date of the bucket.
-- row_key: Identifies the row within connection, report and date.
-- usage_type: What kind of use, in our words.
-- model: The model, as the provider reported it.
-- family: The name under which the model is compared with bills and price lists.
-- meter: What is counted, in the words of docs/reconciliation.md.
-- quantity: How much, exactly; never null or 0.
-- tier: The class of service; '' where the row does not say it.
-- tier_open: True where the vendor names no class of service: the use may be of several.
-- context_window: The vendor's class of context length.
-- accelerator: The accelerator type.
-- deployment: The dedicated deployment.
-- region: Where it ran.
-- host: Who served it.
-- project_id: The vendor's id of the project or workspace.
-- api_key_id: The API key's id.
-- user_id: The vendor's id of the user.
-- tag_team: Custom tag `team`.
-- tag_project: Custom tag `project`.
-- tag_environment: Custom tag `environment`.
-- settled: True when the provider's figures for the date are no longer re-read.
-- currency: ISO 4217 code: the bill's, else that of the connection's own prices, else USD.
-- price: The price of one unit in the row's class of service; in the standard one where the row says none.
-- rated: quantity times price.
-- low: The least that it can come to, where the class of service, the context or the cached share is not said.
-- high: The most that it can come to.
-- price_rank: The price's rank: 1 contract, 2 the vendor's list, 3 the bill, 4 and 5 public catalogues.
-- price_source: The file, list or catalogue that the price is from.
CREATE VIEW marts.rated AS
WITH own_currency AS (
    SELECT DISTINCT ON (connection_id) connection_id, currency
    FROM (
        SELECT connection_id, currency, 0 AS place FROM ledger.cost_daily WHERE breakdown = ''
        UNION
        SELECT connection_id, currency, 1 FROM ledger.price WHERE superseded_at IS NULL AND connection_id <> ''
    ) AS currencies
    ORDER BY connection_id, place, currency
)
SELECT
    metered.*, price.currency, price.prices[nth] AS price, metered.quantity * price.prices[nth] AS rated,
    metered.quantity * CASE WHEN open OR nth IS NULL THEN price.lowest ELSE price.prices[nth] END AS low,
    metered.quantity * CASE WHEN open OR nth IS NULL THEN price.highest ELSE price.prices[nth] END AS high,
    price.ranks[nth] AS price_rank, price.sources[nth] AS price_source
FROM marts.metered AS metered
LEFT JOIN own_currency USING (connection_id)
LEFT JOIN marts.series_prices AS price ON price.connection_id = metered.connection_id
    AND price.model = CASE metered.meter WHEN 'accelerator_seconds' THEN metered.accelerator ELSE metered.model END
    AND price.region = metered.region AND price.host = metered.host AND price.context_window = metered.context_window
    AND price.meter = metered.meter AND price.currency = coalesce(own_currency.currency, 'USD')
    AND price.valid_from <= metered.usage_date AND metered.usage_date < price.valid_to
CROSS JOIN LATERAL (
    SELECT
        array_position(price.tiers, coalesce(nullif(metered.tier, ''), 'standard')) AS nth,
        metered.tier_open AND cardinality(price.tiers) > 1
            OR metered.meter = 'input_tokens' AND price.lowest < price.highest AS open
) AS priced
