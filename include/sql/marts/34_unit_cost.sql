-- What a million tokens, or one of another unit, came to: one row per connection, day, currency, model and meter, of
-- the lines of the bill that charge for use.
-- connection_id: The connection.
-- provider: The vendor.
-- usage_date: The day of the bill.
-- currency: ISO 4217 code of the amounts.
-- family: The name under which the model is compared; '' where the lines name none.
-- meter: What is charged, in the words of docs/reconciliation.md.
-- quantity: The quantity on the bill; where the bill has none, what was metered.
-- amount: What the lines come to.
-- per: The units that `unit_cost` is for: 1000000 for tokens, else 1.
-- unit_cost: amount by quantity, times `per`; null where the quantity is 0.
CREATE VIEW marts.unit_cost AS
SELECT
    connection_id, provider, usage_date, currency, family, meter, sum(coalesce(billed, metered)) AS quantity,
    sum(charged) AS amount, per, sum(charged) * per / nullif(sum(coalesce(billed, metered)), 0) AS unit_cost
FROM marts.line_comparison
CROSS JOIN LATERAL (SELECT CASE WHEN meter LIKE '%tokens' THEN 1000000 ELSE 1 END AS per) AS unit
WHERE line_count > 0
GROUP BY connection_id, provider, usage_date, currency, family, meter, per
