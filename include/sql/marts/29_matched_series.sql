-- Usage and bill next to each other: one row per side, connection, day and combination of dimensions, with the key
-- under which it is compared. A dimension separates where both sides say it. A part of usage goes to the line of its
-- own meter, else of a wider one; to a line of its model, else to one that names no model.
-- connection_id: The connection.
-- provider: The vendor.
-- usage_date: The day of the bill.
-- billed: True for lines of the bill, false for usage.
-- line_key: What is compared: readable, and the same for usage and the lines that bill it.
-- model: The model, as that side spells it.
-- family: The name under which the model is compared.
-- meter: The meter of this side.
-- tier: The class of service; '' where that side does not say it.
-- tier_open: True for usage whose vendor names no class of service.
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
-- line_family: The model's family that is compared; '' for lines that name no model.
-- line_meter: The meter that is compared.
-- place: The dimensions other than model and meter that are compared; null where there are none.
-- has_lines: True where the bill has lines for this model and meter, of any other dimensions.
CREATE VIEW marts.matched_series AS
WITH scoped AS (
    SELECT
        *, array_agg(meter) FILTER (WHERE billed) OVER family AS own,
        bool_or(NOT billed AND meter = 'input_tokens') OVER family AND NOT bool_or(apart) OVER family
            AS whole_input,
        array_agg(meter) FILTER (WHERE billed AND family = '') OVER day AS nameless,
        array_agg(meter) FILTER (WHERE NOT billed AND family = '') OVER day AS nameless_use,
        CASE
            WHEN apart AND meter ~ '^(cache|audio_.*put|image_)' THEN ARRAY[meter, 'tokens']
            ELSE ledger.wider_meters(meter)
        END AS wider
    FROM marts.usage_and_bill
    WINDOW day AS (PARTITION BY connection_id, usage_date), family AS (PARTITION BY connection_id, usage_date, family)
), fallback AS (
    SELECT
        *, ledger.first_of(wider, own) AS own_meter, ledger.first_of(wider, nameless) AS nameless_meter,
        coalesce(meter = ANY (nameless_use) AND NOT coalesce(meter = ANY (nameless), false), false) AS no_model
    FROM scoped
), lined AS (
    SELECT
        *,
        CASE WHEN no_model THEN '' WHEN billed OR own_meter IS NOT NULL OR nameless_meter IS NULL THEN family ELSE ''
        END AS line_family,
        CASE
            WHEN billed THEN ledger.whole_meter(meter, whole_input)
            WHEN no_model THEN meter
            ELSE ledger.whole_meter(coalesce(own_meter, nameless_meter, meter), whole_input)
        END AS line_meter
    FROM fallback
), compared AS (
    SELECT
        *,
        array_agg(tier) FILTER (WHERE billed) OVER line AS tiers,
        bool_and(tier <> '') FILTER (WHERE NOT billed) OVER line AS says_tier,
        array_agg(project_id) FILTER (WHERE billed) OVER line AS projects,
        bool_and(project_id <> '') FILTER (WHERE NOT billed) OVER line AS says_project,
        array_agg(region) FILTER (WHERE billed) OVER line AS regions,
        bool_and(region <> '') FILTER (WHERE NOT billed) OVER line AS says_region,
        array_agg(host) FILTER (WHERE billed) OVER line AS hosts,
        bool_and(host <> '') FILTER (WHERE NOT billed) OVER line AS says_host,
        array_agg(accelerator) FILTER (WHERE billed) OVER line AS accelerators,
        bool_and(accelerator <> '') FILTER (WHERE NOT billed) OVER line AS says_accelerator,
        array_agg(deployment) FILTER (WHERE billed) OVER line AS deployments,
        bool_and(deployment <> '') FILTER (WHERE NOT billed) OVER line AS says_deployment,
        array_agg(context_window) FILTER (WHERE billed) OVER line AS contexts,
        bool_and(context_window <> '') FILTER (WHERE NOT billed) OVER line AS says_context
    FROM lined
    WINDOW line AS (PARTITION BY connection_id, usage_date, line_family, line_meter)
)
SELECT
    connection_id, provider, usage_date, billed, concat_ws(', ', nullif(line_family, ''), line_meter, place) AS line_key,
    model, family, meter, tier, tier_open, context_window, accelerator, deployment, region, host, project_id,
    currency, quantity, amount, line_count, own_key_requests, line_family, line_meter, place,
    tiers IS NOT NULL AS has_lines
FROM compared
CROSS JOIN LATERAL (SELECT nullif(concat_ws(
    ', ', nullif(ledger.compared_value(tier, billed, says_tier, tiers), ''),
    nullif(ledger.compared_value(context_window, billed, says_context, contexts), ''),
    nullif(ledger.compared_value(accelerator, billed, says_accelerator, accelerators), ''),
    nullif(ledger.compared_value(deployment, billed, says_deployment, deployments), ''),
    nullif(ledger.compared_value(region, billed, says_region, regions), ''),
    nullif(ledger.compared_value(host, billed, says_host, hosts), ''),
    nullif(ledger.compared_value(project_id, billed, says_project, projects), '')
), '') AS place) AS placed
