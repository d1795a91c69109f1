-- What was metered, as bills charge for it: one row per row of usage and part of it. Parts do not overlap, so that
-- they may be added and priced; a part that a row lacks has no row. Days are the bill's where a report has such days.
-- connection_id: The connection that fetched the row.
-- provider: The vendor.
-- report: The endpoint it came from.
-- usage_date: The date of the bucket.
-- row_key: Identifies the row within connection, report and date.
-- usage_type: What kind of use, in our words.
-- model: The model, as the provider reported it.
-- family: The name under which the model is compared with bills and price lists.
-- meter: What is counted, in the words of docs/reconciliation.md.
-- quantity: How much, exactly; never null or 0.
-- tier: The class of service; '' where the row does not say it.
-- tier_open: True where the vendor names no class of service: the use may be of several.
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
-- settled: True when the provider's figures for the date are no longer re-read.
CREATE VIEW marts.metered AS
SELECT
    usage.connection_id, usage.provider, usage.report, usage.usage_date, usage.row_key, usage.usage_type, usage.model,
    coalesce(named.family, usage.model) AS family, part.meter, part.quantity, usage.tier, usage.tier_open,
    usage.context_window, usage.accelerator, usage.deployment, usage.region, usage.host, usage.project_id,
    usage.api_key_id, usage.user_id, usage.tag_team, usage.tag_project, usage.tag_environment,
    coalesce(day.settled, false) AS settled
FROM marts.billable_usage AS usage
LEFT JOIN ops.day AS day USING (connection_id, report, usage_date)
LEFT JOIN ledger.model AS named ON named.provider = usage.provider AND named.model = usage.model
CROSS JOIN LATERAL (VALUES
    ('input_tokens', usage.input_tokens::numeric), ('uncached_input_tokens', usage.uncached_input_tokens::numeric),
    ('cached_input_tokens', usage.cached_input_tokens::numeric),
    ('cache_write_tokens', usage.cache_write_tokens::numeric),
    ('cache_write_1h_tokens', usage.cache_write_1h_tokens::numeric),
    ('audio_input_tokens', usage.audio_input_tokens::numeric),
    ('cached_audio_input_tokens', usage.cached_audio_input_tokens::numeric),
    ('image_input_tokens', usage.image_input_tokens::numeric),
    ('cached_image_input_tokens', usage.cached_image_input_tokens::numeric),
    ('output_tokens', usage.output_tokens::numeric), ('audio_output_tokens', usage.audio_output_tokens::numeric),
    ('image_output_tokens', usage.image_output_tokens::numeric), ('training_tokens', usage.training_tokens::numeric),
    ('audio_seconds', usage.audio_seconds::numeric), ('video_seconds', usage.video_seconds::numeric),
    ('accelerator_seconds', usage.accelerator_seconds::numeric), ('compute_seconds', usage.compute_seconds::numeric),
    ('images', usage.images::numeric), ('videos', usage.videos::numeric), ('characters', usage.characters::numeric),
    ('requests', usage.requests::numeric), ('sessions', usage.sessions::numeric),
    ('web_searches', usage.web_searches::numeric), ('tool_calls', usage.tool_calls::numeric)
) AS part (meter, quantity)
WHERE part.quantity <> 0
