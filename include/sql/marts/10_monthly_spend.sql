-- What was charged in a month: one row per connection, report, month, currency and basis. A month that is not `whole` is
-- a part of it: never compare it with a whole one. Never add different currencies or bases.
-- connection_id: The connection that fetched the row.
-- provider: The vendor.
-- report: The endpoint it came from.
-- month: The first date of the month.
-- currency: ISO 4217 code of the amounts.
-- basis: How the figures came about: billed, rated (usage at the vendor's price) or estimated.
-- amount: The cost of the dates that are loaded, signed and exact, in `currency`.
-- days: Dates of the month, those to come too; null once the connection is retired or no longer fetches the report.
-- loaded_days: Dates that are loaded, or confirmed empty.
-- settled_days: Dates whose figures are no longer re-read.
-- whole: True when every date of the month is loaded and settled, and the record of all of them is this report.
-- credits: The part of the amount that is credits, below 0 where the vendor gives any.
-- forecast: The amount at the end of the month: what is loaded, and for each date to come, missing or failed the median of the dates of its kind (weekday or weekend) among the 28 newest settled ones; null while there are none, or `days` is null.
CREATE VIEW marts.monthly_spend AS
SELECT
    cost.connection_id, cost.provider, cost.report, calendar.month, cost.currency, cost.basis,
    trim_scale(cost.amount) AS amount, coverage.days, coverage.loaded_days, coverage.settled_days,
    coalesce(coverage.whole AND NOT cost.shared, false) AS whole, trim_scale(coalesce(cost.credits, 0)) AS credits,
    CASE WHEN coverage.days IS NOT NULL THEN trim_scale(
        cost.amount + CASE gap.weekdays WHEN 0 THEN 0 ELSE gap.weekdays * typical.weekday END
            + CASE gap.weekend_days WHEN 0 THEN 0 ELSE gap.weekend_days * typical.weekend_day END
    ) END AS forecast
FROM (SELECT min(usage_date)::timestamp AS first, max(usage_date)::timestamp AS last FROM ops.day) AS span
CROSS JOIN LATERAL generate_series(date_trunc('month', span.first), span.last, interval '1 month') AS start
CROSS JOIN LATERAL (SELECT start::date AS month) AS calendar
CROSS JOIN LATERAL (  -- a month at a time, so that a question about one reads no other
    SELECT
        connection_id, provider, report, currency, basis, sum(amount) FILTER (WHERE breakdown = '') AS amount,
        sum(amount) FILTER (WHERE breakdown = '' AND charge_category = 'Credit') AS credits,
        -- A report whose rows are the record of some dates and another cut of others: two have the month's record.
        bool_or(bool_or(breakdown = '') AND bool_or(breakdown = report)) OVER (
            PARTITION BY connection_id, currency, basis
        ) AS shared
    FROM ledger.cost_daily
    WHERE breakdown IN ('', report) AND usage_date >= calendar.month
        AND usage_date < (calendar.month + interval '1 month')::date
    GROUP BY connection_id, provider, report, currency, basis
) AS cost
LEFT JOIN LATERAL (  -- a report at a time, whatever months are asked for
    SELECT days, loaded_days, settled_days, whole
    FROM marts.monthly_coverage
    WHERE connection_id = cost.connection_id AND report = cost.report AND month = calendar.month
    LIMIT 1
) AS coverage ON true
CROSS JOIN LATERAL (  -- the dates without figures
    SELECT
        count(*) FILTER (WHERE extract(isodow FROM date.day) < 6) AS weekdays,
        count(*) FILTER (WHERE extract(isodow FROM date.day) > 5) AS weekend_days
    FROM generate_series(start, start + interval '1 month' - interval '1 day', interval '1 day') AS date (day)
    WHERE coverage.loaded_days < coverage.days AND NOT EXISTS (
        SELECT FROM ops.day
        WHERE connection_id = cost.connection_id AND report = cost.report AND usage_date = date.day::date
            AND state <> 'failed'
    )
) AS gap
CROSS JOIN LATERAL (  -- a settled date without a row cost nothing
    SELECT
        ledger.median(array_agg(amount) FILTER (WHERE extract(isodow FROM usage_date) < 6)) AS weekday,
        ledger.median(array_agg(amount) FILTER (WHERE extract(isodow FROM usage_date) > 5)) AS weekend_day
    FROM (
        SELECT
            day.usage_date, (
                SELECT coalesce(sum(amount), 0)
                FROM ledger.cost_daily
                WHERE connection_id = cost.connection_id AND report = cost.report AND usage_date = day.usage_date
                    AND breakdown = '' AND currency = cost.currency AND basis = cost.basis
            ) AS amount
        FROM ops.day AS day
        WHERE coverage.loaded_days < coverage.days AND day.connection_id = cost.connection_id
            AND day.report = cost.report AND day.settled AND day.state IN ('loaded', 'empty') AND day.usage_date >= (
                SELECT usage_date
                FROM ledger.cost_daily
                WHERE connection_id = cost.connection_id AND report = cost.report AND breakdown = ''
                    AND currency = cost.currency AND basis = cost.basis
                ORDER BY usage_date
                LIMIT 1
            )
        ORDER BY day.usage_date DESC
        LIMIT 28
    ) AS newest
) AS typical
WHERE cost.amount IS NOT NULL
