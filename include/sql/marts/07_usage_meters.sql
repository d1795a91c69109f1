-- What was metered, long: one row per row of marts.daily_usage and meter that it has. A meter that a row does not
-- meter has no row. Never sum over meters: one may be a part of another (cached_input_tokens of input_tokens).
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
-- day_zone: The time zone whose days the report has; null where the date is not in the ledger of days.
-- settled: True when the provider's figures for the date are no longer re-read; false while they may still change.
-- meter: What was counted: the name of the column in marts.daily_usage.
-- unit: In what it was counted.
-- quantity: How much, exactly; never null.
-- model_version: The version of the model that ran, where the vendor tells it apart from the model.
-- service_tier: The vendor's class of service, such as standard, batch or priority.
-- batch: `true` or `false` where the vendor tells whether it ran in a batch.
-- context_window: The vendor's class of context length.
-- host: Who served it, where the vendor passes requests on to others.
-- project_id: The vendor's id of the project or workspace.
-- user_id: The vendor's id of the user or service account; for an e-mail address, a pseudonym.
-- channel: The way in which it was used, such as the website or an editor.
-- status: How it ended, where the vendor tells.
-- speed: The vendor's class of speed, such as standard or fast.
CREATE VIEW marts.usage_meters AS
SELECT
    daily.connection_id, daily.provider, daily.account_id, daily.report, daily.usage_date, daily.row_key,
    daily.usage_type, daily.operation, daily.model, daily.variant, daily.deployment, daily.resource,
    daily.region, daily.accelerator, daily.api_key_id, daily.job_id, daily.tag_team, daily.tag_project,
    daily.tag_environment, daily.basis, daily.day_zone, daily.settled,
    metered.meter, metered.unit, metered.quantity,
    daily.model_version, daily.service_tier, daily.batch, daily.context_window, daily.host, daily.project_id,
    daily.user_id, daily.channel, daily.status, daily.speed
FROM marts.daily_usage AS daily
CROSS JOIN LATERAL (VALUES
    ('input_tokens', 'tokens', daily.input_tokens::numeric),
    ('cached_input_tokens', 'tokens', daily.cached_input_tokens::numeric),
    ('output_tokens', 'tokens', daily.output_tokens::numeric),
    ('training_tokens', 'tokens', daily.training_tokens::numeric),
    ('audio_seconds', 'seconds', daily.audio_seconds::numeric),
    ('accelerator_seconds', 'seconds', daily.accelerator_seconds::numeric),
    ('requests', 'requests', daily.requests::numeric),
    ('cache_write_tokens', 'tokens', daily.cache_write_tokens::numeric),
    ('cache_write_1h_tokens', 'tokens', daily.cache_write_1h_tokens::numeric),
    ('audio_input_tokens', 'tokens', daily.audio_input_tokens::numeric),
    ('image_input_tokens', 'tokens', daily.image_input_tokens::numeric),
    ('cached_audio_input_tokens', 'tokens', daily.cached_audio_input_tokens::numeric),
    ('cached_image_input_tokens', 'tokens', daily.cached_image_input_tokens::numeric),
    ('reasoning_tokens', 'tokens', daily.reasoning_tokens::numeric),
    ('audio_output_tokens', 'tokens', daily.audio_output_tokens::numeric),
    ('image_output_tokens', 'tokens', daily.image_output_tokens::numeric),
    ('compute_seconds', 'seconds', daily.compute_seconds::numeric),
    ('images', 'images', daily.images::numeric),
    ('characters', 'characters', daily.characters::numeric),
    ('storage_bytes', 'bytes', daily.storage_bytes::numeric),
    ('sessions', 'sessions', daily.sessions::numeric),
    ('web_searches', 'searches', daily.web_searches::numeric),
    ('tool_calls', 'calls', daily.tool_calls::numeric),
    ('lines_added', 'lines', daily.lines_added::numeric),
    ('lines_removed', 'lines', daily.lines_removed::numeric),
    ('commits', 'commits', daily.commits::numeric),
    ('pull_requests', 'pull requests', daily.pull_requests::numeric),
    ('byok_requests', 'requests', daily.byok_requests::numeric),
    ('videos', 'videos', daily.videos::numeric),
    ('video_seconds', 'seconds', daily.video_seconds::numeric),
    ('video_pixels', 'pixels', daily.video_pixels::numeric),
    ('results', 'results', daily.results::numeric),
    ('training_steps', 'steps', daily.training_steps::numeric),
    ('peak_input_tokens_per_second', 'tokens per second', daily.peak_input_tokens_per_second::numeric),
    ('peak_output_tokens_per_second', 'tokens per second', daily.peak_output_tokens_per_second::numeric)
) AS metered (meter, unit, quantity)
WHERE metered.quantity IS NOT NULL
