-- Lines of bills whose text no rule knows: one row per connection, month, currency and text. They charge for use and
-- say for nothing that can be compared. Each is a reason to add a rule to the provider's declaration.
-- connection_id: The connection.
-- provider: The vendor.
-- month: The first day of the month of the usage dates.
-- currency: ISO 4217 code of the amount.
-- line_item: The vendor's whole text; '' where it sends none.
-- category: The vendor's class of charge.
-- meter: The vendor's own word for what is charged, where it sends one.
-- lines: How many lines there are.
-- amount: What they cost, signed and exact.
-- share: Their part of all that was charged for use in the month, between 0 and 1; null where that is nothing.
-- first_date: The first usage date of such a line.
-- last_date: The last one.
CREATE VIEW marts.unexplained_lines AS
WITH lines AS (
    SELECT
        connection_id, provider, date_trunc('month', usage_date)::date AS month, currency, line_item, category, meter,
        meter = ANY (ledger.billed_meters()) AS explained, usage_date, amount
    FROM ledger.cost_daily
    WHERE breakdown = '' AND charge_category = 'Usage'
), texts AS (
    SELECT
        connection_id, provider, month, currency, line_item, category, meter, explained, count(*) AS lines,
        sum(amount) AS amount, min(usage_date) AS first_date, max(usage_date) AS last_date
    FROM lines
    GROUP BY connection_id, provider, month, currency, line_item, category, meter, explained
), totals AS (
    SELECT *, sum(amount) OVER (PARTITION BY connection_id, provider, month, currency) AS charged FROM texts
)
SELECT
    connection_id, provider, month, currency, line_item, category, meter, lines, amount,
    amount / nullif(charged, 0) AS share, first_date, last_date
FROM totals
WHERE NOT explained
