-- Another cut of traffic that the records hold already, by API key: keys of vendors whose record names none. Never add it
-- to records: its measures are called `cut_…` so that no sum does so by mistake.
-- connection_id: The connection that fetched the rows.
-- provider: The vendor.
-- report: The endpoint they came from.
-- breakdown: The name of the cut: look at one at a time, two may hold the same use.
-- usage_date: The local date of the bucket, in the report's day zone.
-- currency: ISO 4217 code of `cut_amount`, '' without one; where there are several, the use is in the first one's row.
-- api_key_id: The API key's id; '' for the rest of the cut.
-- api_key_name: Its name on that date: `(no key)` without an id, `(unnamed)` where no name is known.
-- cut_amount: What the vendor says that it cost; null where this cut has no money.
-- cut_requests: Requests, or things that were run. Null when no row metered it.
-- cut_input_tokens: All input tokens, cached ones included. Null when no row metered it.
-- cut_cached_input_tokens: The part of the input read from the cache. Null when no row metered it.
-- cut_output_tokens: Output tokens. Null when no row metered it.
-- settled: True when the provider's figures for the date are no longer re-read.
CREATE VIEW marts.api_key_cut AS
WITH side AS NOT MATERIALIZED (
    SELECT
        connection_id, provider, report, breakdown, usage_date, api_key_id, NULL::text AS currency, NULL::numeric AS amount,
        requests, input_tokens, cached_input_tokens, output_tokens
    FROM ledger.usage_daily
    WHERE breakdown NOT IN ('', 'utc_day')
    UNION ALL
    SELECT
        connection_id, provider, report, breakdown, usage_date, api_key_id, currency, amount,
        NULL, NULL, NULL, NULL
    FROM ledger.cost_daily
    WHERE breakdown NOT IN ('', 'utc_day')
), cut AS (
    SELECT
        connection_id, provider, report, breakdown, usage_date, api_key_id, coalesce(currency, first, '') AS currency,
        trim_scale(sum(amount)) AS amount, sum(requests) AS requests, sum(input_tokens) AS input_tokens,
        sum(cached_input_tokens) AS cached_input_tokens, sum(output_tokens) AS output_tokens
    FROM (
        SELECT
            *, min(currency) OVER (PARTITION BY connection_id, report, breakdown, usage_date, api_key_id) AS first,
            -- Rows without an id are the rest of a cut that has ids, or of one that is cut by other things.
            bool_or(api_key_id <> '') OVER (PARTITION BY connection_id, breakdown, usage_date) AS of_ids
        FROM side
    ) AS row
    WHERE of_ids
    GROUP BY connection_id, provider, report, breakdown, usage_date, api_key_id, coalesce(currency, first, '')
)
SELECT
    cut.connection_id, cut.provider, cut.report, cut.breakdown, cut.usage_date, cut.currency, cut.api_key_id,
    CASE cut.api_key_id WHEN '' THEN '(no key)' ELSE coalesce(listed.name, '(unnamed)') END AS api_key_name,
    cut.amount AS cut_amount, cut.requests AS cut_requests, cut.input_tokens AS cut_input_tokens,
    cut.cached_input_tokens AS cut_cached_input_tokens, cut.output_tokens AS cut_output_tokens,
    coalesce(day.settled, false) AS settled
FROM cut
LEFT JOIN ops.day AS day USING (connection_id, report, usage_date)
LEFT JOIN marts.names AS listed ON listed.connection_id = cut.connection_id AND listed.kind = 'api_key'
    AND listed.id = cut.api_key_id AND cut.usage_date >= listed.valid_from AND cut.usage_date < listed.valid_to
