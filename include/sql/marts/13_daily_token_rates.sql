-- How fast tokens flowed, in the mean of a day and at its peak: one row per connection, report, breakdown, usage date, usage type and
-- model that has tokens. Not records alone: '' is the record, any other breakdown is another cut of the same traffic
-- (`prometheus` is what a team's own Prometheus recorded), so look at one report and breakdown at a time.
-- connection_id: The connection that fetched the rows.
-- provider: The vendor.
-- report: The endpoint it came from.
-- breakdown: '' for the record, else the name of another cut of the same traffic.
-- basis: How the figures came about: `metered`, or `estimated` from rates.
-- usage_date: The local date of the bucket, in the report's day zone.
-- usage_type: What kind of use, in our words, such as serverless or dedicated.
-- model: The model, as the provider reported it.
-- settled: True when the provider's figures for the date are no longer re-read; false while they may still change.
-- day_seconds: The seconds of the usage date: 86400, but for dates on which the zone's clocks change.
-- input_tokens_per_second: Input tokens by the seconds of the day, cached ones included. Null is not metered.
-- cached_input_tokens_per_second: Cached input tokens by the seconds of the day. Null is not metered.
-- output_tokens_per_second: Output tokens by the seconds of the day. Null is not metered.
-- peak_input_tokens_per_second: The highest rate at a point of the day, of one project or deployment; null without points.
-- peak_output_tokens_per_second: The highest rate at a point of the day, of one project or deployment; null without points.
-- input_tokens: Input tokens of the day, cached ones included. Null is not metered.
-- cached_input_tokens: The part of the input read from the cache. Null is not metered.
-- output_tokens: Output tokens of the day. Null is not metered.
CREATE VIEW marts.daily_token_rates AS
SELECT
    connection_id, provider, report, breakdown, basis, usage_date, usage_type, model, settled, day_seconds,
    round(input_tokens / day_seconds, 9) AS input_tokens_per_second,
    round(cached_input_tokens / day_seconds, 9) AS cached_input_tokens_per_second,
    round(output_tokens / day_seconds, 9) AS output_tokens_per_second,
    peak_input_tokens_per_second, peak_output_tokens_per_second,
    input_tokens, cached_input_tokens, output_tokens
FROM (
    SELECT
        usage.connection_id, usage.provider, usage.report, usage.breakdown, usage.basis, usage.usage_date,
        usage.usage_type, usage.model, coalesce(bool_and(day.settled), false) AS settled,
        extract(epoch FROM max(usage.bucket_end) - min(usage.bucket_start)) AS day_seconds,
        sum(usage.input_tokens) AS input_tokens, sum(usage.cached_input_tokens) AS cached_input_tokens,
        sum(usage.output_tokens) AS output_tokens,
        max(usage.peak_input_tokens_per_second) AS peak_input_tokens_per_second,
        max(usage.peak_output_tokens_per_second) AS peak_output_tokens_per_second
    FROM ledger.usage_daily AS usage
    LEFT JOIN ops.day AS day USING (connection_id, report, usage_date)
    GROUP BY connection_id, usage.provider, report, usage.breakdown, usage.basis, usage_date, usage.usage_type,
        usage.model
) AS daily
WHERE input_tokens IS NOT NULL OR output_tokens IS NOT NULL
