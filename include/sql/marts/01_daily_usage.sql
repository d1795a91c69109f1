-- What was metered, at full grain: one row per connection, report, usage date and every dimension.
-- Records only, so that every meter adds up to the total once. Null is not metered, never zero.
-- connection_id: The connection that fetched the row.
-- provider: The vendor.
-- account_id: The vendor's id of the account.
-- report: The endpoint it came from.
-- usage_date: The local date of the bucket, in the report's day zone.
-- row_key: Hash of the row set's name and the non-empty dimensions that the provider sent.
-- usage_type: What kind of use, in our words, such as serverless, embedding or storage.
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
-- audio_seconds: Seconds of audio, put in or made. Null is not metered.
-- accelerator_seconds: Seconds times accelerators. Null is not metered.
-- model_version: The version of the model that ran, where the vendor tells it apart from the model.
-- service_tier: The vendor's class of service, such as standard, batch or priority.
-- batch: `true` or `false` where the vendor tells whether it ran in a batch.
-- context_window: The vendor's class of context length.
-- host: Who served it, where the vendor passes requests on to others.
-- project_id: The vendor's id of the project or workspace.
-- user_id: The vendor's id of the user or service account; for an e-mail address, a pseudonym.
-- channel: The way in which it was used, such as the website or an editor.
-- status: How it ended, where the vendor tells.
-- requests: Requests, or things that were run. Null is not metered.
-- cache_write_tokens: The part of the input written to a cache. Null is not metered.
-- cache_write_1h_tokens: The part of the cache writes that is kept for an hour. Null is not metered.
-- audio_input_tokens: The part of the input that is audio, cached audio included. Null is not metered.
-- image_input_tokens: The part of the input that is images, cached images included. Null is not metered.
-- cached_audio_input_tokens: The part of the audio input read from a cache. Null is not metered.
-- cached_image_input_tokens: The part of the image input read from a cache. Null is not metered.
-- reasoning_tokens: Tokens of reasoning, as sent; the vendor counts them within the output. Null is not metered.
-- audio_output_tokens: The part of the output that is audio. Null is not metered.
-- image_output_tokens: The part of the output that is images. Null is not metered.
-- compute_seconds: Seconds for which something ran. Null is not metered.
-- images: Images made. Null is not metered.
-- characters: Characters of text turned into speech. Null is not metered.
-- storage_bytes: Bytes stored, as read within the day: a gauge, not to be added over days. Null is not metered.
-- sessions: Sessions begun. Null is not metered.
-- web_searches: Searches of the web. Null is not metered.
-- tool_calls: Calls of tools. Null is not metered.
-- lines_added: Lines of code added. Null is not metered.
-- lines_removed: Lines of code removed. Null is not metered.
-- commits: Commits made. Null is not metered.
-- pull_requests: Pull requests opened. Null is not metered.
-- speed: The vendor's class of speed, such as standard or fast.
-- byok_requests: The part of the requests paid to another provider with an own key. Null is not metered.
-- videos: Videos made. Null is not metered.
-- video_seconds: Seconds of video made. Null is not metered.
-- video_pixels: Pixels of video made, over all frames. Null is not metered.
-- results: Other results that were made, such as audio files. Null is not metered.
-- training_steps: Steps of training. Null is not metered.
-- peak_input_tokens_per_second: The highest rate of input tokens at a point of the day: a gauge, not to be added. Null is not metered.
-- peak_output_tokens_per_second: The highest rate of output tokens at a point of the day: a gauge, not to be added. Null is not metered.
CREATE VIEW marts.daily_usage AS
SELECT
    usage.connection_id, usage.provider, usage.account_id, usage.report, usage.usage_date, usage.row_key,
    usage.usage_type, usage.operation, usage.model, usage.variant, usage.deployment, usage.resource,
    usage.region, usage.accelerator, usage.api_key_id, usage.job_id, usage.tag_team, usage.tag_project,
    usage.tag_environment, usage.basis, usage.bucket_start, usage.bucket_end, usage.load_id,
    day.day_zone, coalesce(day.settled, false) AS settled,
    usage.input_tokens, usage.cached_input_tokens,
    usage.input_tokens - usage.cached_input_tokens AS uncached_input_tokens, usage.output_tokens,
    usage.training_tokens, usage.audio_seconds, usage.accelerator_seconds,
    usage.model_version, usage.service_tier, usage.batch, usage.context_window, usage.host, usage.project_id,
    usage.user_id, usage.channel, usage.status, usage.requests, usage.cache_write_tokens,
    usage.cache_write_1h_tokens, usage.audio_input_tokens, usage.image_input_tokens,
    usage.cached_audio_input_tokens, usage.cached_image_input_tokens, usage.reasoning_tokens,
    usage.audio_output_tokens, usage.image_output_tokens, usage.compute_seconds, usage.images,
    usage.characters, usage.storage_bytes, usage.sessions, usage.web_searches, usage.tool_calls,
    usage.lines_added, usage.lines_removed, usage.commits, usage.pull_requests,
    usage.speed, usage.byok_requests, usage.videos, usage.video_seconds, usage.video_pixels, usage.results,
    usage.training_steps, usage.peak_input_tokens_per_second, usage.peak_output_tokens_per_second
FROM ledger.usage_daily AS usage
LEFT JOIN ops.day AS day USING (connection_id, report, usage_date)
WHERE usage.breakdown = ''
