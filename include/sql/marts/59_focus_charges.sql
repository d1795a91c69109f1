-- The arithmetic of FOCUS: each bill line as a charge with a quantity, a unit and unit prices. marts.focus_1_4 gives these
-- columns the standard's names.
-- connection_id: The connection that fetched the line.
-- report: The endpoint it came from.
-- usage_date: The local date of the line's bucket.
-- row_key: Identifies the line within connection, report and date.
-- period: First day of the billing period: the invoice's month where the vendor says it, else the UTC month of the bucket.
-- charge: FOCUS word for the class of charge; Adjustment where a line of use or purchase takes money back.
-- consumed: What was used: tokens, seconds, GiB-hours, things; 1 where the line has no quantity; null in other charges.
-- quantity_basis: billed; metered, shared by amount among lines of a kind, where the bill has amounts alone; else null.
-- consumed_unit: The unit of `consumed`.
-- pricing_quantity: `consumed` in the unit that has a price: millions of tokens.
-- pricing_unit: That unit.
-- price: The amount divided by `pricing_quantity`, to 18 places; never the vendor's own unit price, which may be cut.
-- list_price: The same of the amount at list prices, where the line has one; else `price`.
-- verdict: The verdict on the line, as in marts.reconciliation_lines.
-- residual: What is charged less what should have been, of all lines that are compared together.
-- price_rank: The rank of the price that it is compared with.
-- item: The SKU: the vendor's id of it, else model or accelerator, and the meter.
-- item_meter: What the SKU meters, in words.
-- price_id: The SKU and all that decides its price: the vendor's text of the line, tier, context, region and host.
-- item_details: What is known of the SKU, as flat JSON.
CREATE VIEW marts.focus_charges AS
WITH lines AS MATERIALIZED (
    SELECT * FROM marts.matched_lines
), compared AS MATERIALIZED (
    SELECT DISTINCT ON (connection_id, usage_date, currency, line_key)
        connection_id, usage_date, currency, line_key, verdict, metered, charged, residual, price_rank
    FROM marts.reconciliation_lines
    ORDER BY connection_id, usage_date, currency, line_key
), line AS MATERIALIZED (
    SELECT
        bill.connection_id, bill.report, bill.usage_date, bill.row_key, bill.provider, bill.meter, bill.amount,
        bill.list_amount, bill.model, bill.accelerator, bill.tier, bill.context_window, bill.charge_category,
        bill.line_item, bill.region, bill.host, compared.residual, compared.price_rank,
        CASE WHEN bill.line_key IS NOT NULL THEN compared.verdict WHEN bill.charge_category = 'Usage' THEN 'unpriced'
            ELSE 'explained' END AS verdict,
        CASE WHEN bill.quantity IS NULL AND compared.charged * bill.amount > 0
            THEN round(compared.metered * bill.amount / compared.charged, 18) END AS metered,
        CASE WHEN bill.invoice_month ~ '^[0-9]{6}$' THEN to_date(bill.invoice_month, 'YYYYMM')
            ELSE date_trunc('month', bill.bucket_start AT TIME ZONE 'UTC')::date END AS period,
        concat_ws(':', bill.provider, coalesce(
            nullif(bill.sku_id, ''), nullif(concat_ws(':', coalesce(
                nullif(bill.model, ''), nullif(bill.accelerator, ''), nullif(bill.category, ''), nullif(bill.line_item, '')
            ), nullif(bill.meter, '')), ''), 'charge'
        )) AS item,
        -- A quantity of nothing, or of another sign than the amount, has no price.
        CASE WHEN bill.amount = 0 OR bill.amount * bill.quantity > 0 THEN bill.quantity END AS billed
    FROM lines AS bill
    LEFT JOIN compared USING (connection_id, usage_date, currency, line_key)
), classed AS (
    SELECT
        line.*, coalesce(line.billed, nullif(line.metered, 0)) AS quantity,
        CASE WHEN line.charge_category IN ('Usage', 'Purchase') AND line.amount < 0 AND line.billed IS NULL
            THEN 'Adjustment' ELSE line.charge_category END AS charge
    FROM line
), measured AS (
    SELECT
        classed.*,
        CASE
            WHEN classed.charge NOT IN ('Usage', 'Purchase') THEN NULL
            WHEN classed.quantity IS NULL THEN 1
            WHEN classed.meter = 'storage_byte_hours' THEN classed.quantity / 1073741824
            ELSE classed.quantity
        END::numeric(38, 18) AS consumed,
        CASE
            WHEN classed.charge NOT IN ('Usage', 'Purchase') THEN NULL
            WHEN classed.quantity IS NULL THEN 'Units'
            WHEN classed.meter LIKE '%tokens' THEN 'Tokens'
            WHEN classed.meter LIKE '%seconds' THEN 'Seconds'
            WHEN classed.meter = 'storage_byte_hours' THEN 'GiB-Hours'
            WHEN classed.meter ~ '^(images|videos|characters|requests|sessions|web_searches|tool_calls)$'
                THEN initcap(replace(classed.meter, '_', ' '))
            ELSE 'Units'
        END AS consumed_unit
    FROM classed
), counted AS (
    SELECT
        measured.*,
        (measured.consumed * CASE measured.consumed_unit WHEN 'Tokens' THEN 0.000001 ELSE 1 END)::numeric(38, 18)
            AS pricing_quantity,
        CASE measured.consumed_unit WHEN 'Tokens' THEN '1000000 Tokens' ELSE measured.consumed_unit END AS pricing_unit
    FROM measured
), priced AS (
    SELECT
        counted.*,
        CASE counted.pricing_quantity WHEN 0 THEN 0 ELSE round(counted.amount / counted.pricing_quantity, 18) END AS price
    FROM counted
)
SELECT
    priced.connection_id, priced.report, priced.usage_date, priced.row_key, priced.period, priced.charge, priced.consumed,
    priced.consumed_unit,
    CASE WHEN priced.consumed IS NULL THEN NULL WHEN priced.billed IS NOT NULL THEN 'billed'
        WHEN priced.quantity IS NOT NULL THEN 'metered' END AS quantity_basis, priced.pricing_quantity, priced.pricing_unit, priced.price,
    CASE WHEN priced.list_amount * priced.pricing_quantity > 0
        THEN round(priced.list_amount / priced.pricing_quantity, 18) ELSE priced.price END AS list_price,
    priced.verdict, priced.residual, priced.price_rank, priced.item,
    CASE priced.meter
        WHEN '' THEN priced.consumed_unit
        WHEN 'uncached_input_tokens' THEN 'Input Tokens'
        WHEN 'cached_input_tokens' THEN 'Cache Read Input Tokens'
        WHEN 'cache_write_tokens' THEN 'Cache Write Input Tokens'
        WHEN 'cache_write_1h_tokens' THEN 'Cache Write Input Tokens 1h'
        WHEN 'storage_byte_hours' THEN 'Stored GiB-Hours'
        ELSE initcap(replace(priced.meter, '_', ' '))
    END AS item_meter,
    concat_ws(':', priced.item, nullif(priced.line_item, ''), coalesce(nullif(priced.tier, ''), 'standard'),
        nullif(priced.context_window, ''), nullif(priced.region, ''), nullif(priced.host, '')) AS price_id,
    nullif(jsonb_strip_nulls(jsonb_build_object(
        'x_ModelId', nullif(priced.model, ''), 'x_Accelerator', nullif(priced.accelerator, ''),
        'x_ServiceTier', nullif(priced.tier, ''), 'x_ContextWindow', nullif(priced.context_window, ''),
        'x_TokenDirection', CASE WHEN priced.meter ~ 'input|cache_write' THEN 'Input'
            WHEN priced.meter ~ 'output' THEN 'Output' END,
        'x_TokenCacheAction', CASE WHEN priced.meter ~ '^uncached' THEN 'Uncached' WHEN priced.meter ~ '^cached' THEN 'Read'
            WHEN priced.meter ~ '^cache_write' THEN 'Write' END
    ))::text, '{}') AS item_details
FROM priced
