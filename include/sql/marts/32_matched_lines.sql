-- The lines of the bill with a key that the usage they charge for has in marts.matched_metered. Lines that charge for
-- no use (credits, purchases, taxes, adjustments) and lines of an unknown meter have no key: they match nothing.
-- line_key: What is compared: connection, date and this key join usage and its lines; null where nothing matches.
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
-- quantity: The billed quantity in the meter's own unit; null where none was sent.
-- currency: ISO 4217 code of the amounts.
-- amount: The cost, signed and exact.
-- list_amount: What the list price would have come to; null where none was sent.
-- basis: billed, rated (usage at the vendor's price) or estimated.
-- invoice_month: The month of the invoice, YYYYMM; '' where the vendor does not say it.
-- bucket_start: First instant of the bucket.
-- bucket_end: The instant after the bucket.
-- settled: True when the provider's figures for the date are no longer re-read.
-- load_id: The load that wrote this content.
CREATE VIEW marts.matched_lines AS
SELECT series.line_key, lines.*
FROM marts.bill_lines AS lines
LEFT JOIN marts.matched_series AS series ON series.billed AND lines.charge_category = 'Usage'
    AND series.connection_id = lines.connection_id AND series.usage_date = lines.usage_date
    AND series.model = lines.model AND series.meter = lines.meter AND series.tier = lines.tier
    AND series.context_window = lines.context_window AND series.accelerator = lines.accelerator
    AND series.deployment = lines.deployment AND series.region = lines.region AND series.host = lines.host
    AND series.project_id = lines.project_id AND series.currency = lines.currency
