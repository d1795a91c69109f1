-- What each API key cost, beside what it used: one row per connection, usage date, currency and key. Amounts are those of
-- marts.allocated_cost and add up to the bill, tokens to what was metered; use that nothing charges for has no amount,
-- and '' for a currency. Never add different currencies.
-- connection_id: The connection.
-- provider: The vendor.
-- usage_date: The local date of the bucket, in the report's day zone.
-- currency: ISO 4217 code of the amount; where a key is charged in several, its use is in the first one's row.
-- api_key_id: The API key's id; '' for what names none.
-- api_key_name: Its name on that date: `(no key)` without an id, `(unnamed)` where no name is known.
-- team_name: Who owns it on that date; `(no team)` where nobody does, `(several teams)` where parts have different owners.
-- amount: The cost, signed and exact; null where nothing is charged.
-- input_tokens: All input tokens, cached ones included. Null when no row metered it.
-- cached_input_tokens: The part of the input read from the cache. Null when no row metered it.
-- output_tokens: Output tokens. Null when no row metered it.
-- requests: Requests, or things that were run. Null when no row metered it.
-- settled: True when the provider's figures for the date are no longer re-read.
CREATE VIEW marts.daily_cost_by_api_key AS
WITH side AS NOT MATERIALIZED (
    SELECT
        connection_id, provider, usage_date, api_key_id, currency, min(team) AS first_team, max(team) AS last_team,
        sum(amount) AS amount, NULL::numeric AS input_tokens, NULL::numeric AS cached_input_tokens,
        NULL::numeric AS output_tokens, NULL::numeric AS requests, bool_and(settled) AS settled
    FROM marts.allocated_cost
    GROUP BY connection_id, provider, usage_date, api_key_id, currency
    UNION ALL
    SELECT
        connection_id, provider, usage_date, api_key_id, NULL, min(team), max(team), NULL, sum(input_tokens),
        sum(cached_input_tokens), sum(output_tokens), sum(requests), bool_and(settled)
    FROM marts.usage_attribution
    GROUP BY connection_id, provider, usage_date, api_key_id
), keyed AS (
    SELECT
        connection_id, provider, usage_date, api_key_id, coalesce(currency, first, '') AS currency,
        min(first_team) AS first_team, max(last_team) AS last_team, trim_scale(sum(amount)) AS amount,
        sum(input_tokens) AS input_tokens, sum(cached_input_tokens) AS cached_input_tokens,
        sum(output_tokens) AS output_tokens, sum(requests) AS requests, bool_and(settled) AS settled
    FROM (
        SELECT *, min(currency) OVER (PARTITION BY connection_id, usage_date, api_key_id) AS first FROM side
    ) AS both_sides
    GROUP BY connection_id, provider, usage_date, api_key_id, coalesce(currency, first, '')
)
SELECT
    keyed.connection_id, keyed.provider, keyed.usage_date, keyed.currency, keyed.api_key_id,
    CASE keyed.api_key_id WHEN '' THEN '(no key)' ELSE coalesce(listed.name, '(unnamed)') END AS api_key_name,
    CASE WHEN keyed.first_team <> keyed.last_team THEN '(several teams)'
        ELSE coalesce(nullif(keyed.first_team, ''), '(no team)') END AS team_name,
    keyed.amount, keyed.input_tokens, keyed.cached_input_tokens, keyed.output_tokens, keyed.requests, keyed.settled
FROM keyed
LEFT JOIN marts.names AS listed ON listed.connection_id = keyed.connection_id AND listed.kind = 'api_key'
    AND listed.id = keyed.api_key_id AND keyed.usage_date >= listed.valid_from AND keyed.usage_date < listed.valid_to
