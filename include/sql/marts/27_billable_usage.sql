-- What was metered, cut into parts that do not overlap, as bills charge for it: one row per row of ledger.usage_daily
-- that is compared with a bill, which is the record, or the same use by days of UTC where a report has it and the
-- connection's own days are others. Null or 0 where there is nothing of a part.
-- connection_id: The connection that fetched the row.
-- provider: The vendor.
-- report: The endpoint it came from.
-- usage_date: The date of the bucket, in the report's day zone.
-- row_key: Identifies the row within connection, report and date.
-- bucket_start: First instant of the bucket.
-- usage_type: What kind of use, in our words.
-- model: The model, as the provider reported it.
-- tier: The class of service (standard, batch, priority, …); '' where the row does not say it.
-- tier_open: True where the vendor names no class of service: the use may be of several.
-- apart: True where cached input, writes, audio or images are no part of the row's input and output.
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
-- input_tokens: All input but audio and images sold apart, where the cached part is not metered.
-- uncached_input_tokens: Input neither read from a cache nor written to one; all input where the vendor counts those apart.
-- cached_input_tokens: Input read from a cache.
-- cache_write_tokens: Input written to a cache for minutes.
-- cache_write_1h_tokens: Input written to a cache for an hour.
-- audio_input_tokens: Audio input not read from a cache.
-- cached_audio_input_tokens: Audio input read from a cache.
-- image_input_tokens: Image input not read from a cache.
-- cached_image_input_tokens: Image input read from a cache.
-- output_tokens: Output but audio and images.
-- audio_output_tokens: Audio output.
-- image_output_tokens: Image output.
-- training_tokens: Tokens trained on.
-- audio_seconds: Seconds of audio.
-- video_seconds: Seconds of video.
-- accelerator_seconds: Seconds times accelerators.
-- compute_seconds: Seconds for which something ran.
-- images: Images made.
-- videos: Videos made.
-- characters: Characters of text.
-- requests: Requests.
-- own_key_requests: The part of the requests that another provider bills to an own key.
-- sessions: Sessions.
-- web_searches: Searches of the web.
-- tool_calls: Calls of tools.
-- storage_bytes: Bytes stored, as read within the day.
CREATE VIEW marts.billable_usage AS
SELECT
    connection_id, provider, report, usage_date, row_key, bucket_start, usage_type, model,
    ledger.service_class(service_tier, batch, speed) AS tier, service_tier = '' AND batch <> 'true' AS tier_open,
    coalesce(cached_input_tokens, 0) + coalesce(cache_write_tokens, 0) > coalesce(input_tokens, 0)
        OR input_tokens IS NULL AND coalesce(audio_input_tokens, image_input_tokens) IS NOT NULL
        OR output_tokens IS NULL AND coalesce(audio_output_tokens, image_output_tokens) IS NOT NULL AS apart,
    context_window, accelerator, deployment, region, host, project_id, api_key_id, user_id, tag_team, tag_project,
    tag_environment,
    CASE WHEN cached_input_tokens IS NULL THEN
        input_tokens - coalesce(audio_input_tokens, 0) - coalesce(image_input_tokens, 0) END AS input_tokens,
    CASE
        WHEN cached_input_tokens IS NULL THEN NULL
        WHEN cached_input_tokens + coalesce(cache_write_tokens, 0) > input_tokens THEN input_tokens
        ELSE input_tokens - cached_input_tokens - coalesce(cache_write_tokens, 0)
            - coalesce(audio_input_tokens, 0) - coalesce(image_input_tokens, 0)
            + coalesce(cached_audio_input_tokens, 0) + coalesce(cached_image_input_tokens, 0)
    END AS uncached_input_tokens,
    cached_input_tokens - coalesce(cached_audio_input_tokens, 0) - coalesce(cached_image_input_tokens, 0)
        AS cached_input_tokens,
    CASE WHEN cached_input_tokens IS NOT NULL THEN cache_write_tokens - coalesce(cache_write_1h_tokens, 0) END
        AS cache_write_tokens,
    CASE WHEN cached_input_tokens IS NOT NULL THEN cache_write_1h_tokens END AS cache_write_1h_tokens,
    audio_input_tokens - coalesce(cached_audio_input_tokens, 0) AS audio_input_tokens, cached_audio_input_tokens,
    image_input_tokens - coalesce(cached_image_input_tokens, 0) AS image_input_tokens, cached_image_input_tokens,
    output_tokens - coalesce(audio_output_tokens, 0) - coalesce(image_output_tokens, 0) AS output_tokens,
    audio_output_tokens, image_output_tokens, training_tokens, audio_seconds, video_seconds, accelerator_seconds,
    compute_seconds, images, videos, characters, requests, byok_requests AS own_key_requests, sessions, web_searches,
    tool_calls, storage_bytes
FROM ledger.usage_daily AS usage
WHERE breakdown = 'utc_day' OR breakdown = '' AND NOT EXISTS (
    SELECT FROM ops.day AS utc
    WHERE utc.connection_id = usage.connection_id AND utc.usage_date = usage.usage_date
        AND utc.report LIKE '%\_utc' AND utc.report = usage.report || '_utc' AND utc.state IN ('loaded', 'empty')
)
