-- Usage and bill in one shape: one row per side, connection, day and combination of dimensions, usage cut into parts
-- that do not overlap.
-- connection_id: The connection.
-- provider: The vendor.
-- usage_date: The day of the bill.
-- billed: True for lines of the bill, false for usage.
-- model: The model, as that side spells it.
-- family: The name under which the model is compared.
-- meter: The meter of this side.
-- tier: The class of service; '' where that side does not say it.
-- tier_open: True for usage whose vendor names no class of service.
-- apart: True for usage whose cached input, writes, audio or images are no part of its input and output.
-- context_window: The vendor's class of context length.
-- accelerator: The accelerator type.
-- deployment: The dedicated deployment.
-- region: Where it ran.
-- host: Who served it.
-- project_id: The vendor's id of the project or workspace.
-- currency: ISO 4217 code of the amount; '' for usage.
-- quantity: How much, in the meter's unit; null for lines without a quantity.
-- amount: What the lines come to; null for usage.
-- line_count: How many lines of the bill.
-- own_key_requests: Requests that another provider bills to an own key; null where that is not metered.
CREATE VIEW marts.usage_and_bill AS
WITH summed AS (
    SELECT
        connection_id, provider, usage_date, model, tier, context_window, accelerator,
        deployment, region, host, project_id,
        bool_or(tier_open) AS tier_open, bool_or(apart) AS apart,
        sum(input_tokens) AS input_tokens, sum(uncached_input_tokens) AS uncached_input_tokens,
        sum(cached_input_tokens) AS cached_input_tokens, sum(cache_write_tokens) AS cache_write_tokens,
        sum(cache_write_1h_tokens) AS cache_write_1h_tokens, sum(audio_input_tokens) AS audio_input_tokens,
        sum(cached_audio_input_tokens) AS cached_audio_input_tokens, sum(image_input_tokens) AS image_input_tokens,
        sum(cached_image_input_tokens) AS cached_image_input_tokens, sum(output_tokens) AS output_tokens,
        sum(audio_output_tokens) AS audio_output_tokens, sum(image_output_tokens) AS image_output_tokens,
        sum(training_tokens) AS training_tokens, sum(audio_seconds) AS audio_seconds,
        sum(video_seconds) AS video_seconds, sum(accelerator_seconds) AS accelerator_seconds,
        sum(compute_seconds) AS compute_seconds, sum(images) AS images, sum(videos) AS videos,
        sum(characters) AS characters, sum(requests) AS requests, sum(own_key_requests) AS own_key_requests,
        sum(sessions) AS sessions, sum(web_searches) AS web_searches, sum(tool_calls) AS tool_calls
    FROM marts.billable_usage
    GROUP BY
        connection_id, provider, usage_date, model, tier, context_window, accelerator,
        deployment, region, host, project_id
)
SELECT
    usage.connection_id, usage.provider, usage.usage_date, false AS billed, usage.model,
    coalesce(named.family, usage.model) AS family, part.meter, usage.tier, usage.tier_open, usage.apart, usage.context_window,
    usage.accelerator, usage.deployment, usage.region, usage.host, usage.project_id, '' AS currency,
    part.quantity, NULL::numeric AS amount, 0::bigint AS line_count, usage.own_key_requests
FROM summed AS usage
LEFT JOIN ledger.model AS named ON named.provider = usage.provider AND named.model = usage.model
CROSS JOIN LATERAL (VALUES
    ('input_tokens', usage.input_tokens), ('uncached_input_tokens', usage.uncached_input_tokens),
    ('cached_input_tokens', usage.cached_input_tokens), ('cache_write_tokens', usage.cache_write_tokens),
    ('cache_write_1h_tokens', usage.cache_write_1h_tokens), ('audio_input_tokens', usage.audio_input_tokens),
    ('cached_audio_input_tokens', usage.cached_audio_input_tokens),
    ('image_input_tokens', usage.image_input_tokens),
    ('cached_image_input_tokens', usage.cached_image_input_tokens), ('output_tokens', usage.output_tokens),
    ('audio_output_tokens', usage.audio_output_tokens), ('image_output_tokens', usage.image_output_tokens),
    ('training_tokens', usage.training_tokens), ('audio_seconds', usage.audio_seconds),
    ('video_seconds', usage.video_seconds), ('accelerator_seconds', usage.accelerator_seconds),
    ('compute_seconds', usage.compute_seconds), ('images', usage.images), ('videos', usage.videos),
    ('characters', usage.characters), ('requests', usage.requests), ('sessions', usage.sessions),
    ('web_searches', usage.web_searches), ('tool_calls', usage.tool_calls)
) AS part (meter, quantity)
WHERE part.quantity <> 0
UNION ALL
SELECT
    connection_id, provider, usage_date, true, model, family, meter, tier, false, false, context_window, accelerator,
    deployment, region, host, project_id, currency,
    CASE WHEN count(quantity) = count(*) THEN sum(quantity) END, sum(amount), count(*), NULL
FROM marts.bill_lines
WHERE charge_category = 'Usage' AND meter = ANY (ledger.billed_meters())
GROUP BY
    connection_id, provider, usage_date, model, family, meter, tier, context_window, accelerator, deployment,
    region, host, project_id, currency
