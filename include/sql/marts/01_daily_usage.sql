-- What was metered, at full grain: one row per connection, report, usage date and every dimension.
-- Records only, so that every meter adds up to the total once. Null is not metered, never zero.
-- connection_id: The connection that fetched the row.
-- provider: The vendor.
-- account_id: The vendor's id of the account.
-- report: The endpoint it came from.
-- usage_date: The local date of the bucket, in the report's day zone.
-- row_key: Hash of the row set's name and the non-empty dimensions that the provider sent.
-- usage_type: What kind of use, in our words; serverless, dedicated or training.
-- operation: The vendor's name for what ran.
-- model: The model, as the provider reported it.
-- variant: A further kind within the operation.
-- deployment: The dedicated deployment; the last segment of its resource name.
-- resource: Another vendor resource, such as a training session.
-- region: Where it ran.
-- accelerator: The accelerator type.
-- api_key_id: The API key's id; '' where the provider named none.
-- job_id: The training job.
-- tag_team: Custom tag `team`.
-- tag_project: Custom tag `project`.
-- tag_environment: Custom tag `environment`.
-- basis: How the figures came about.
-- bucket_start: First instant of the bucket.
-- bucket_end: The instant after the bucket.
-- load_id: The load that wrote this content.
-- day_zone: The time zone whose days the report has; null where the date is not in the ledger of days.
-- settled: True when the provider's figures for the date are no longer re-read; false while they may still change.
-- input_tokens: All input tokens, cached ones included. Null is not metered.
-- cached_input_tokens: The part of the input read from the cache. Null is not metered.
-- uncached_input_tokens: The part of the input not read from the cache. Null where either figure is not metered.
-- output_tokens: Output tokens. Null is not metered.
-- training_tokens: Tokens trained on. Null is not metered.
-- audio_seconds: Seconds of audio input. Null is not metered.
-- accelerator_seconds: Seconds times accelerators. Null is not metered.
CREATE VIEW marts.daily_usage AS
SELECT
    usage.connection_id, usage.provider, usage.account_id, usage.report, usage.usage_date, usage.row_key,
    usage.usage_type, usage.operation, usage.model, usage.variant, usage.deployment, usage.resource,
    usage.region, usage.accelerator, usage.api_key_id, usage.job_id, usage.tag_team, usage.tag_project,
    usage.tag_environment, usage.basis, usage.bucket_start, usage.bucket_end, usage.load_id,
    day.day_zone, coalesce(day.settled, false) AS settled,
    usage.input_tokens, usage.cached_input_tokens,
    usage.input_tokens - usage.cached_input_tokens AS uncached_input_tokens, usage.output_tokens,
    usage.training_tokens, usage.audio_seconds, usage.accelerator_seconds
FROM ledger.usage_daily AS usage
LEFT JOIN ops.day AS day USING (connection_id, report, usage_date)
WHERE usage.breakdown = ''
