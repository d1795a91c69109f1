-- What each model used: one row per connection, report, usage date, usage type and model.
-- Each row is its own sum; rows add up to the total once.
-- connection_id: The connection that fetched the row.
-- provider: The vendor.
-- report: The endpoint it came from.
-- usage_date: The local date of the bucket, in the report's day zone.
-- usage_type: What kind of use, in our words; serverless, dedicated or training.
-- model: The model, as the provider reported it.
-- settled: True when the provider's figures for the date are no longer re-read; false while they may still change.
-- input_tokens: All input tokens, cached ones included. Null when no row metered it.
-- cached_input_tokens: The part of the input read from the cache. Null when no row metered it.
-- uncached_input_tokens: Input not read from the cache, of the rows that meter both; null when none does.
-- output_tokens: Output tokens. Null when no row metered it.
-- training_tokens: Tokens trained on. Null when no row metered it.
-- audio_seconds: Seconds of audio input. Null when no row metered it.
-- accelerator_seconds: Seconds times accelerators. Null when no row metered it.
CREATE VIEW marts.daily_usage_by_model AS
SELECT
    connection_id, provider, report, usage_date, usage_type, model,
    bool_and(settled) AS settled,
    sum(input_tokens) AS input_tokens, sum(cached_input_tokens) AS cached_input_tokens,
    sum(uncached_input_tokens) AS uncached_input_tokens, sum(output_tokens) AS output_tokens,
    sum(training_tokens) AS training_tokens, sum(audio_seconds) AS audio_seconds,
    sum(accelerator_seconds) AS accelerator_seconds
FROM marts.daily_usage
GROUP BY connection_id, provider, report, usage_date, usage_type, model
