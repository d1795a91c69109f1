-- Every line of every bill, as reconciliation, allocation and FOCUS read it: one row per row of the record in
-- ledger.cost_daily, its quantity in the meter's own unit (tokens, not thousands of them).
-- connection_id: The connection that fetched the row.
-- provider: The vendor.
-- account_id: The vendor's id of the account.
-- report: The endpoint it came from.
-- usage_date: The local date of the bucket, in the report's day zone.
-- row_key: Identifies the row within connection, report and date.
-- usage_type: The vendor's series in our words, where it says one.
-- category: The vendor's class of charge.
-- charge_category: FOCUS word for the class of charge: Usage, Purchase, Credit, Tax or Adjustment.
-- line_item: The vendor's whole text of the billed item.
-- sku_id: The vendor's id of the item on its price list.
-- model: The model that the line is for; '' where the line names none.
-- family: The name under which the model is compared with usage and price lists.
-- meter: What is charged, in the words of docs/reconciliation.md; '' where no rule knows the line.
-- tier: The class of service (standard, batch, priority, …); '' where the line does not say it.
-- context_window: The vendor's class of context length.
-- deployment: The dedicated deployment.
-- accelerator: The accelerator type.
-- resource: Another vendor resource.
-- region: Where it ran.
-- host: Who served it.
-- project_id: The vendor's id of the project or workspace.
-- api_key_id: The API key's id.
-- user_id: The vendor's id of the user.
-- unit: The vendor's unit.
-- quantity: The billed quantity in the meter's own unit; null where none was sent, or in a unit that is not known.
-- currency: ISO 4217 code of the amounts.
-- amount: The cost, signed and exact.
-- list_amount: What the list price would have come to; null where none was sent.
-- basis: billed, rated (usage at the vendor's price) or estimated.
-- invoice_month: The month of the invoice, YYYYMM; '' where the vendor does not say it.
-- bucket_start: First instant of the bucket.
-- bucket_end: The instant after the bucket.
-- settled: True when the provider's figures for the date are no longer re-read.
-- load_id: The load that wrote this content.
CREATE VIEW marts.bill_lines AS
SELECT
    cost.connection_id, cost.provider, cost.account_id, cost.report, cost.usage_date, cost.row_key, cost.usage_type,
    cost.category, cost.charge_category, cost.line_item, cost.sku_id, cost.model,
    coalesce(named.family, cost.model) AS family, cost.meter,
    ledger.service_class(cost.service_tier, cost.batch, cost.speed) AS tier, cost.context_window, cost.deployment,
    cost.accelerator, cost.resource, cost.region, cost.host, cost.project_id, cost.api_key_id, cost.user_id, cost.unit,
    cost.quantity * ledger.unit_size(cost.unit, cost.meter) AS quantity,
    cost.currency, cost.amount, cost.list_amount, cost.basis, cost.invoice_month, cost.bucket_start, cost.bucket_end,
    coalesce(day.settled, false) AS settled, cost.load_id
FROM ledger.cost_daily AS cost
LEFT JOIN ops.day AS day USING (connection_id, report, usage_date)
LEFT JOIN ledger.model AS named ON named.provider = cost.provider AND named.model = cost.model
WHERE cost.breakdown = ''
