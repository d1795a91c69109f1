-- What each model used: one row per connection, report, usage date, usage type and model.
-- Each row is its own sum; rows add up to the total once.
-- connection_id: The connection that fetched the row.
-- provider: The vendor.
-- report: The endpoint it came from.
-- usage_date: The local date of the bucket, in the report's day zone.
-- usage_type: What kind of use, in our words, such as serverless, embedding or storage.
-- model: The model, as the provider reported it.
-- settled: True when the provider's figures for the date are no longer re-read; false while they may still change.
-- input_tokens: All input tokens, cached ones included. Null when no row metered it.
-- cached_input_tokens: The part of the input read from the cache. Null when no row metered it.
-- uncached_input_tokens: Input not read from the cache, of the rows that meter both; null when none does.
-- output_tokens: Output tokens. Null when no row metered it.
-- training_tokens: Tokens trained on. Null when no row metered it.
-- audio_seconds: Seconds of audio, put in or made. Null when no row metered it.
-- accelerator_seconds: Seconds times accelerators. Null when no row metered it.
-- requests: Requests, or things that were run. Null when no row metered it.
-- cache_write_tokens: The part of the input written to a cache. Null when no row metered it.
-- cache_write_1h_tokens: The part of the cache writes that is kept for an hour. Null when no row metered it.
-- audio_input_tokens: The part of the input that is audio, cached audio included. Null when no row metered it.
-- image_input_tokens: The part of the input that is images, cached images included. Null when no row metered it.
-- cached_audio_input_tokens: The part of the audio input read from a cache. Null when no row metered it.
-- cached_image_input_tokens: The part of the image input read from a cache. Null when no row metered it.
-- reasoning_tokens: Tokens of reasoning, as sent; the vendor counts them within the output. Null when no row metered it.
-- audio_output_tokens: The part of the output that is audio. Null when no row metered it.
-- image_output_tokens: The part of the output that is images. Null when no row metered it.
-- compute_seconds: Seconds for which something ran. Null when no row metered it.
-- images: Images made. Null when no row metered it.
-- characters: Characters of text turned into speech. Null when no row metered it.
-- sessions: Sessions begun. Null when no row metered it.
-- web_searches: Searches of the web. Null when no row metered it.
-- tool_calls: Calls of tools. Null when no row metered it.
-- lines_added: Lines of code added. Null when no row metered it.
-- lines_removed: Lines of code removed. Null when no row metered it.
-- commits: Commits made. Null when no row metered it.
-- pull_requests: Pull requests opened. Null when no row metered it.
-- byok_requests: The part of the requests paid to another provider with an own key. Null when no row metered it.
-- videos: Videos made. Null when no row metered it.
-- video_seconds: Seconds of video made. Null when no row metered it.
-- video_pixels: Pixels of video made, over all frames. Null when no row metered it.
-- results: Other results that were made, such as audio files. Null when no row metered it.
-- training_steps: Steps of training. Null when no row metered it.
CREATE VIEW marts.daily_usage_by_model AS
SELECT
    connection_id, provider, report, usage_date, usage_type, model,
    bool_and(settled) AS settled,
    sum(input_tokens) AS input_tokens, sum(cached_input_tokens) AS cached_input_tokens,
    sum(uncached_input_tokens) AS uncached_input_tokens, sum(output_tokens) AS output_tokens,
    sum(training_tokens) AS training_tokens, sum(audio_seconds) AS audio_seconds,
    sum(accelerator_seconds) AS accelerator_seconds,
    sum(requests) AS requests, sum(cache_write_tokens) AS cache_write_tokens,
    sum(cache_write_1h_tokens) AS cache_write_1h_tokens, sum(audio_input_tokens) AS audio_input_tokens,
    sum(image_input_tokens) AS image_input_tokens, sum(cached_audio_input_tokens) AS cached_audio_input_tokens,
    sum(cached_image_input_tokens) AS cached_image_input_tokens, sum(reasoning_tokens) AS reasoning_tokens,
    sum(audio_output_tokens) AS audio_output_tokens, sum(image_output_tokens) AS image_output_tokens,
    sum(compute_seconds) AS compute_seconds, sum(images) AS images, sum(characters) AS characters,
    sum(sessions) AS sessions, sum(web_searches) AS web_searches, sum(tool_calls) AS tool_calls,
    sum(lines_added) AS lines_added, sum(lines_removed) AS lines_removed, sum(commits) AS commits,
    sum(pull_requests) AS pull_requests,
    sum(byok_requests) AS byok_requests, sum(videos) AS videos, sum(video_seconds) AS video_seconds,
    sum(video_pixels) AS video_pixels, sum(results) AS results, sum(training_steps) AS training_steps
FROM marts.daily_usage
GROUP BY connection_id, provider, report, usage_date, usage_type, model
