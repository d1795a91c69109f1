-- What a date cost beside the same day of the week before: one row per connection, usage date and currency that either of
-- the two has charges in. A date that is not loaded has no row. Never add different currencies.
-- connection_id: The connection.
-- provider: The vendor.
-- usage_date: The local date of the bucket, in the report's day zone.
-- currency: ISO 4217 code of the amounts.
-- amount: What the date cost, signed and exact; 0 where it is loaded and has no charge.
-- week_before: What the date seven days before cost; 0 where it is loaded and has no charge, null where it is not loaded.
-- difference: The amount less `week_before`; null where that is.
-- ratio: The amount by `week_before`, to 6 places; null where that is null or 0.
-- settled: True when the provider's figures for both dates are no longer re-read; for the date alone where the other is not loaded.
CREATE VIEW marts.spend_beside_last_week AS
SELECT
    connection_id, provider, usage_date, currency, trim_scale(amount) AS amount, trim_scale(week_before) AS week_before,
    trim_scale(amount - week_before) AS difference,
    trim_scale(round(amount / nullif(week_before, 0), 6)) AS ratio, settled
FROM (
    SELECT
        day.connection_id, cost.provider, day.usage_date, cost.currency, sum(cost.amount) AS amount,
        CASE WHEN bool_or(before.usage_date IS NOT NULL) THEN sum(cost.week_before) END AS week_before,
        bool_and(day.settled AND coalesce(before.settled, true)) AS settled
    FROM ops.day AS day
    LEFT JOIN ops.day AS before ON before.connection_id = day.connection_id AND before.report = day.report
        AND before.usage_date = day.usage_date - 7 AND before.state <> 'failed'
    CROSS JOIN LATERAL (  -- by the key of the facts, so that a question about some dates reads no others
        SELECT
            provider, currency, coalesce(sum(amount) FILTER (WHERE usage_date = day.usage_date), 0) AS amount,
            coalesce(sum(amount) FILTER (WHERE usage_date < day.usage_date), 0) AS week_before
        FROM ledger.cost_daily
        WHERE connection_id = day.connection_id AND report = day.report
            AND usage_date = ANY (ARRAY[day.usage_date, day.usage_date - 7]) AND breakdown = ''
        GROUP BY provider, currency
    ) AS cost
    WHERE day.state <> 'failed'
    GROUP BY day.connection_id, cost.provider, day.usage_date, cost.currency
) AS compared
