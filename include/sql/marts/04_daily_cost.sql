-- What was charged: one row per connection, usage date, currency, billed item, and whom it is charged to. Records only.
-- Amounts are before credits and tax, which are rows of their own. Never add different currencies or bases.
-- connection_id: The connection that fetched the row.
-- provider: The vendor.
-- usage_date: The local date of the bucket, in the report's day zone.
-- currency: ISO 4217 code of every amount in the row.
-- usage_type: The vendor's series in our words, where it says one.
-- category: The vendor's class of charge.
-- charge_category: FOCUS word for the class of charge.
-- line_item: The vendor's whole text of the billed item.
-- basis: How the figures came about: billed, rated (usage at the vendor's price) or estimated.
-- settled: True when the provider's figures for the date are no longer re-read; false while they may still change.
-- quantity: Billed quantity in `unit`; null where none was sent.
-- amount: The cost, signed and exact, in `currency`.
-- meter: What the charge is for: one of the words of docs/reconciliation.md; the vendor's own where none fits.
-- model: The model, as the provider reported it.
-- host: Who served it, where the vendor passes requests on to others.
-- service_tier: The vendor's class of service.
-- project_id: The vendor's id of the project or workspace.
-- api_key_id: The API key's id; '' where the provider named none.
-- unit: The vendor's unit of `quantity`: never add quantities of two.
-- speed: The vendor's class of speed, such as standard or fast.
-- list_amount: What the list price would have come to; null where none was sent.
-- region: Where it ran.
-- sku_id: The vendor's id of the item on its price list.
-- invoice_month: The month of the invoice that has the charge, YYYYMM; '' where the vendor does not say it.
-- batch: `true` where the line is for use in batches; '' where the vendor does not say it.
-- deployment: The dedicated deployment.
-- accelerator: The accelerator type.
-- variant: A further kind within the model, such as the size of an image.
-- context_window: The vendor's class of context length.
CREATE VIEW marts.daily_cost AS
SELECT
    cost.connection_id, cost.provider, cost.usage_date, cost.currency, cost.usage_type, cost.category,
    cost.charge_category, cost.line_item, cost.basis,
    bool_and(coalesce(day.settled, false)) AS settled, sum(cost.quantity) AS quantity, sum(cost.amount) AS amount,
    cost.meter, cost.model, cost.host, cost.service_tier, cost.project_id, cost.api_key_id, cost.unit,
    cost.speed, sum(cost.list_amount) AS list_amount, cost.region, cost.sku_id, cost.invoice_month, cost.batch,
    cost.deployment, cost.accelerator, cost.variant, cost.context_window
FROM ledger.cost_daily AS cost
LEFT JOIN ops.day AS day USING (connection_id, report, usage_date)
WHERE cost.breakdown = ''
GROUP BY
    cost.connection_id, cost.provider, cost.usage_date, cost.currency, cost.usage_type, cost.category,
    cost.charge_category, cost.line_item, cost.basis,
    cost.meter, cost.model, cost.host, cost.service_tier, cost.project_id, cost.api_key_id, cost.unit,
    cost.speed, cost.region, cost.sku_id, cost.invoice_month, cost.batch, cost.deployment, cost.accelerator,
    cost.variant, cost.context_window
