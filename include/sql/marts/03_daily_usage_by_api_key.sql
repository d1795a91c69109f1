-- What each API key used: one row per connection, usage date and key, summed over the key's models.
-- Serverless use, and any other that names a key; '' is use that the provider gave no key for.
-- The models are inside the row, in `models`, and not rows of their own, so that a plain SUM never counts twice.
-- To open it: FROM marts.daily_usage_by_api_key AS used,
-- jsonb_to_recordset(used.models) AS part (model text, input_tokens numeric).
-- connection_id: The connection that fetched the row.
-- provider: The vendor.
-- usage_date: The local date of the bucket, in the report's day zone.
-- api_key_id: The API key's id; '' where the provider named none.
-- api_key_name: The key's newest known name; null where no name is known.
-- api_key_name_on_day: Its name on the usage date; before the first known name, the earliest one. Null as above.
-- owner_id: The id of the key's owner, as last sent; null where not given.
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
-- models: The key's models: an array of {model, and the meters as here}, which are parts of this row's figures.
CREATE VIEW marts.daily_usage_by_api_key AS
SELECT
    keyed.connection_id, keyed.provider, keyed.usage_date, keyed.api_key_id,
    newest.name AS api_key_name, on_day.name AS api_key_name_on_day, newest.owner_id,
    keyed.settled,
    keyed.input_tokens, keyed.cached_input_tokens, keyed.uncached_input_tokens, keyed.output_tokens,
    keyed.training_tokens, keyed.audio_seconds, keyed.accelerator_seconds,
    keyed.requests, keyed.cache_write_tokens, keyed.cache_write_1h_tokens, keyed.audio_input_tokens,
    keyed.image_input_tokens, keyed.cached_audio_input_tokens, keyed.cached_image_input_tokens,
    keyed.reasoning_tokens, keyed.audio_output_tokens, keyed.image_output_tokens, keyed.compute_seconds,
    keyed.images, keyed.characters, keyed.sessions, keyed.web_searches, keyed.tool_calls, keyed.lines_added,
    keyed.lines_removed, keyed.commits, keyed.pull_requests, keyed.byok_requests, keyed.videos,
    keyed.video_seconds, keyed.video_pixels, keyed.results, keyed.training_steps,
    keyed.models
FROM (
    SELECT
        connection_id, provider, usage_date, api_key_id,
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
        sum(video_pixels) AS video_pixels, sum(results) AS results, sum(training_steps) AS training_steps,
        jsonb_agg(
            to_jsonb(modelled) - '{connection_id, provider, usage_date, api_key_id, settled}'::text[] ORDER BY model
        ) AS models
    FROM (
        SELECT
            connection_id, provider, usage_date, api_key_id, model,
            bool_and(settled) AS settled,
            sum(input_tokens) AS input_tokens, sum(cached_input_tokens) AS cached_input_tokens,
            sum(uncached_input_tokens) AS uncached_input_tokens, sum(output_tokens) AS output_tokens,
            sum(training_tokens) AS training_tokens, sum(audio_seconds) AS audio_seconds,
            sum(accelerator_seconds) AS accelerator_seconds,
            sum(requests) AS requests, sum(cache_write_tokens) AS cache_write_tokens,
            sum(cache_write_1h_tokens) AS cache_write_1h_tokens, sum(audio_input_tokens) AS audio_input_tokens,
            sum(image_input_tokens) AS image_input_tokens,
            sum(cached_audio_input_tokens) AS cached_audio_input_tokens,
            sum(cached_image_input_tokens) AS cached_image_input_tokens, sum(reasoning_tokens) AS reasoning_tokens,
            sum(audio_output_tokens) AS audio_output_tokens, sum(image_output_tokens) AS image_output_tokens,
            sum(compute_seconds) AS compute_seconds, sum(images) AS images, sum(characters) AS characters,
            sum(sessions) AS sessions, sum(web_searches) AS web_searches, sum(tool_calls) AS tool_calls,
            sum(lines_added) AS lines_added, sum(lines_removed) AS lines_removed, sum(commits) AS commits,
            sum(pull_requests) AS pull_requests,
            sum(byok_requests) AS byok_requests, sum(videos) AS videos, sum(video_seconds) AS video_seconds,
            sum(video_pixels) AS video_pixels, sum(results) AS results, sum(training_steps) AS training_steps
        FROM marts.daily_usage
        WHERE usage_type = 'serverless' OR api_key_id <> ''
        GROUP BY connection_id, provider, usage_date, api_key_id, model
    ) AS modelled
    GROUP BY connection_id, provider, usage_date, api_key_id
) AS keyed
LEFT JOIN LATERAL (
    SELECT name.name, name.owner_id
    FROM ledger.name AS name
    WHERE name.connection_id = keyed.connection_id AND name.kind = 'api_key' AND name.id = keyed.api_key_id
    ORDER BY name.valid_from DESC
    LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT name.name
    FROM ledger.name AS name
    WHERE name.connection_id = keyed.connection_id AND name.kind = 'api_key' AND name.id = keyed.api_key_id
        AND (keyed.usage_date < name.valid_to OR name.valid_to IS NULL)
    ORDER BY name.valid_from
    LIMIT 1
) AS on_day ON true
