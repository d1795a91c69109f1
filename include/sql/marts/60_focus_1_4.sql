-- Cost and Usage of FOCUS 1.4. Its columns are described in data_contracts/focus_1_4.yaml.
CREATE VIEW marts.focus_1_4 AS
WITH charge AS MATERIALIZED (
    SELECT * FROM marts.focus_charges
), share AS MATERIALIZED (
    SELECT
        connection_id, report, usage_date, row_key, team, app, cost_center, api_key_id, method, sum(amount) AS amount,
        row_number() OVER (line ORDER BY team, app, cost_center, api_key_id, method) AS part, count(*) OVER line AS parts
    FROM marts.allocated_cost
    GROUP BY connection_id, report, usage_date, row_key, team, app, cost_center, api_key_id, method
    WINDOW line AS (PARTITION BY connection_id, report, usage_date, row_key)
)
SELECT
    NULL::text AS "AllocatedMethodDetails", CASE WHEN share.parts > 1 THEN share.method END AS "AllocatedMethodId",
    CASE WHEN share.parts > 1 THEN coalesce(nullif(share.api_key_id, ''), nullif(concat_ws('/', nullif(share.team, ''), nullif(share.app, '')), ''), share.method) END AS "AllocatedResourceId",
    CASE WHEN share.parts > 1 THEN api_key.name END AS "AllocatedResourceName",
    CASE WHEN share.parts > 1 THEN nullif(jsonb_strip_nulls(jsonb_build_object('team', nullif(share.team, ''), 'app', nullif(share.app, ''), 'cost_center', nullif(share.cost_center, '')))::text, '{}') END AS "AllocatedTags",
    NULL::text AS "AvailabilityZone", part.amount AS "BilledCost", bill.account_id AS "BillingAccountId",
    bill.account_id AS "BillingAccountName", coalesce(seller.account_type, 'Account') AS "BillingAccountType",
    bill.currency AS "BillingCurrency", (charge.period + interval '1 month') AT TIME ZONE 'UTC' AS "BillingPeriodEnd",
    charge.period::timestamp AT TIME ZONE 'UTC' AS "BillingPeriodStart", NULL::text AS "CapacityReservationId",
    NULL::text AS "CapacityReservationStatus", charge.charge AS "ChargeCategory", NULL::text AS "ChargeClass",
    coalesce(nullif(concat_ws(': ', nullif(bill.category, ''), nullif(bill.line_item, '')), ''), charge.item_meter) AS "ChargeDescription",
    CASE charge.charge WHEN 'Usage' THEN 'Usage-Based' ELSE 'One-Time' END AS "ChargeFrequency",
    bill.bucket_end AS "ChargePeriodEnd", bill.bucket_start AS "ChargePeriodStart",
    NULL::text AS "CommitmentDiscountCategory", NULL::text AS "CommitmentDiscountId",
    NULL::text AS "CommitmentDiscountName", NULL::numeric(38, 18) AS "CommitmentDiscountQuantity",
    NULL::text AS "CommitmentDiscountStatus", NULL::text AS "CommitmentDiscountType",
    NULL::text AS "CommitmentDiscountUnit", NULL::text AS "CommitmentProgramEligibilityDetails",
    CASE charge.charge WHEN 'Usage' THEN part.consumed END::numeric(38, 18) AS "ConsumedQuantity",
    CASE charge.charge WHEN 'Usage' THEN charge.consumed_unit END AS "ConsumedUnit", NULL::text AS "ContractApplied",
    coalesce(charge.price * part.pricing_quantity, part.amount)::numeric(38, 18) AS "ContractedCost",
    charge.price::numeric(38, 18) AS "ContractedUnitPrice",
    CASE charge.charge WHEN 'Purchase' THEN 0 ELSE part.amount END::numeric(38, 18) AS "EffectiveCost",
    coalesce(nullif(bill.host, ''), nullif(seller.host, '')) AS "HostProviderName", NULL::text AS "InvoiceDetailId",
    NULL::text AS "InvoiceId", coalesce(seller.seller, bill.provider) AS "InvoiceIssuerName",
    coalesce(charge.list_price * part.pricing_quantity, part.amount)::numeric(38, 18) AS "ListCost",
    charge.list_price::numeric(38, 18) AS "ListUnitPrice",
    CASE WHEN charge.price IS NOT NULL THEN 'Standard' END AS "PricingCategory", bill.currency AS "PricingCurrency",
    charge.price::numeric(38, 18) AS "PricingCurrencyContractedUnitPrice",
    CASE charge.charge WHEN 'Purchase' THEN 0 ELSE part.amount END::numeric(38, 18) AS "PricingCurrencyEffectiveCost",
    charge.list_price::numeric(38, 18) AS "PricingCurrencyListUnitPrice",
    part.pricing_quantity::numeric(38, 18) AS "PricingQuantity", charge.pricing_unit AS "PricingUnit",
    nullif(bill.region, '') AS "RegionId", nullif(bill.region, '') AS "RegionName",
    coalesce(nullif(bill.deployment, ''), nullif(bill.resource, '')) AS "ResourceId",
    regexp_replace(coalesce(nullif(bill.deployment, ''), nullif(bill.resource, '')), '^.*/', '') AS "ResourceName",
    CASE WHEN bill.deployment <> '' THEN 'Deployment' WHEN bill.resource <> '' THEN coalesce(substring(bill.resource FROM '/providers/([^/]+/[^/]+)/'), 'Resource') END AS "ResourceType",
    'AI and Machine Learning' AS "ServiceCategory", coalesce(seller.service, bill.provider) AS "ServiceName",
    coalesce(seller.seller, bill.provider) AS "ServiceProviderName", 'Generative AI' AS "ServiceSubcategory",
    CASE WHEN charge.price IS NOT NULL THEN charge.item END AS "SkuId",
    CASE WHEN charge.price IS NOT NULL THEN charge.item_meter END AS "SkuMeter",
    CASE WHEN charge.price IS NOT NULL THEN charge.item_details END AS "SkuPriceDetails",
    CASE WHEN charge.price IS NOT NULL THEN charge.price_id END AS "SkuPriceId",
    nullif(bill.project_id, '') AS "SubAccountId",
    coalesce(project.name, nullif(bill.project_id, '')) AS "SubAccountName",
    CASE WHEN bill.project_id <> '' THEN seller.part_type END AS "SubAccountType", NULL::text AS "Tags",
    bill.connection_id AS "x_ConnectionId", bill.report AS "x_Report", bill.usage_date AS "x_UsageDate",
    bill.row_key::text AS "x_RowKey", coalesce(share.part, 1) AS "x_Part", bill.provider AS "x_ProviderCode",
    nullif(bill.usage_type, '') AS "x_UsageType",
    coalesce(nullif(bill.api_key_id, ''), nullif(share.api_key_id, '')) AS "x_ApiKeyId", api_key.name AS "x_ApiKeyName",
    nullif(bill.user_id, '') AS "x_UserId", nullif(bill.model, '') AS "x_ModelId",
    nullif(bill.family, '') AS "x_ModelFamily", nullif(bill.meter, '') AS "x_Meter",
    CASE WHEN charge.consumed_unit = 'Tokens' AND bill.meter ~ 'input|cache_write' THEN part.consumed END::numeric(38, 18) AS "x_InputTokens",
    CASE WHEN charge.consumed_unit = 'Tokens' AND bill.meter ~ 'output' THEN part.consumed END::numeric(38, 18) AS "x_OutputTokens",
    charge.quantity_basis AS "x_QuantityBasis", nullif(share.team, '') AS "x_Team", nullif(share.app, '') AS "x_App",
    nullif(share.cost_center, '') AS "x_CostCenter", share.method AS "x_AllocationMethod",
    charge.verdict AS "x_ReconVerdict", charge.residual::numeric(38, 18) AS "x_ReconResidual",
    charge.price_rank::bigint AS "x_PriceRank", bill.basis AS "x_CostBasis", bill.settled AS "x_Settled",
    bill.load_id::text AS "x_LoadId"
FROM marts.bill_lines AS bill
JOIN charge USING (connection_id, report, usage_date, row_key)
LEFT JOIN share USING (connection_id, report, usage_date, row_key)
CROSS JOIN LATERAL (
    SELECT
        coalesce(share.amount, bill.amount)::numeric(38, 18) AS amount,
        CASE WHEN share.parts > 1 THEN
            CASE bill.amount WHEN 0 THEN charge.consumed / share.parts
                ELSE charge.consumed * share.amount / bill.amount END
        ELSE charge.consumed END AS consumed,
        CASE WHEN share.parts > 1 THEN
            CASE bill.amount WHEN 0 THEN charge.pricing_quantity / share.parts
                ELSE charge.pricing_quantity * share.amount / bill.amount END
        ELSE charge.pricing_quantity END::numeric(38, 18) AS pricing_quantity
) AS part
LEFT JOIN ledger.provider AS seller ON seller.provider = bill.provider
LEFT JOIN LATERAL (
    SELECT name.name
    FROM ledger.name AS name
    WHERE name.connection_id = bill.connection_id AND name.kind = 'project' AND name.id = bill.project_id
        AND (bill.usage_date < name.valid_to OR name.valid_to IS NULL)
    ORDER BY name.valid_from
    LIMIT 1
) AS project ON true
LEFT JOIN LATERAL (
    SELECT name.name
    FROM ledger.name AS name
    WHERE name.connection_id = bill.connection_id AND name.kind = 'api_key' AND name.id = coalesce(nullif(bill.api_key_id, ''), share.api_key_id)
        AND (bill.usage_date < name.valid_to OR name.valid_to IS NULL)
    ORDER BY name.valid_from
    LIMIT 1
) AS api_key ON true
