-- How each budget of include/budgets.yaml fares: one row per budget and month that the ledger has dates of. A team's money
-- is what marts.daily_cost_by_team gives it, a connection's the whole bill; credits and taxes count as they are charged.
-- Never add different currencies: what was spent in another than the budget's is not in `spent`.
-- name: The budget.
-- team: The team that it is for; '' for a whole connection.
-- connection_id: The connection that it is for; '' for all of a team's.
-- month: The first date of the month.
-- currency: ISO 4217 code of the budget and of every amount in the row but `other_currencies`.
-- amount: What may be spent in the month.
-- spent: What was spent so far, settled or not.
-- spent_settled: The part of it that is no longer re-read.
-- spent_open: The part of it that may still change.
-- share: Spent, in percent of the amount.
-- newest_date: The newest date of the month that something is spent on; null before the first.
-- forecast: Spent, and for each day to come the median of the days of its kind (weekday or weekend) among the 28 newest settled days; null while there are none.
-- crosses_on: The date on which the sum reached the amount, or is forecast to; null where it does not in this month.
-- warned_at: The highest of the budget's `warn_at` that the share has reached; null below all of them.
-- other_currencies: What was spent in other currencies, by currency; null where nothing was.
-- state: crossed, other currency (some of the spending cannot be compared), forecast (to cross), warned or ok.
CREATE VIEW marts.budget_status AS
WITH budget AS (
    SELECT * FROM ledger.budget WHERE superseded_at IS NULL
), spending AS MATERIALIZED (
    SELECT name, own.currency = budget.currency AS same, own.currency, usage_date, settled, sum(own.amount) AS amount
    FROM budget
    JOIN marts.daily_cost_by_team AS own ON own.team = budget.team
        AND (budget.connection_id = '' OR own.connection_id = budget.connection_id)
    WHERE budget.team <> '' AND (SELECT count(*) > 0 FROM budget AS of_team WHERE of_team.team <> '')
    GROUP BY 1, 2, 3, 4, 5
    UNION ALL
    SELECT name, bill.currency = budget.currency, bill.currency, usage_date, settled, sum(bill.amount)
    FROM budget
    JOIN marts.bill_lines AS bill ON bill.connection_id = budget.connection_id
    WHERE budget.team = ''
    GROUP BY 1, 2, 3, 4, 5
), day AS (
    SELECT name, usage_date, sum(amount) AS amount, bool_and(settled) AS settled FROM spending WHERE same GROUP BY 1, 2
), span AS (
    SELECT
        budget.name, min(day.usage_date) AS first, coalesce(max(day.usage_date), ledger.newest) AS last,
        max(day.usage_date) FILTER (WHERE day.settled) AS settled
    FROM budget
    CROSS JOIN (SELECT max(usage_date) AS newest FROM ops.day) AS ledger
    LEFT JOIN day ON day.name = budget.name
    GROUP BY budget.name, ledger.newest
), typical AS (
    -- A settled day without a row cost nothing.
    SELECT
        span.name, extract(isodow FROM dates.day) > 5 AS weekend,
        ledger.median(array_agg(coalesce(day.amount, 0))) AS amount
    FROM span
    CROSS JOIN LATERAL generate_series(
        greatest(first, settled - 27)::timestamp, settled::timestamp, interval '1 day'
    ) AS dates (day)
    LEFT JOIN day ON day.name = span.name AND day.usage_date = dates.day::date
    GROUP BY 1, 2
), calendar AS (
    SELECT
        budget.name, months.month::date AS month, dates.day::date AS usage_date, dates.day::date > span.last AS to_come,
        CASE WHEN dates.day::date <= span.last THEN coalesce(day.amount, 0) ELSE typical.amount END AS amount
    FROM budget
    JOIN span ON span.name = budget.name
    CROSS JOIN (
        SELECT generate_series(
            date_trunc('month', min(usage_date)::timestamp), max(usage_date)::timestamp, interval '1 month'
        ) AS month
        FROM ops.day
    ) AS months
    CROSS JOIN LATERAL generate_series(
        months.month, months.month + interval '1 month' - interval '1 day', interval '1 day'
    ) AS dates (day)
    LEFT JOIN day ON day.name = budget.name AND day.usage_date = dates.day::date
    LEFT JOIN typical ON typical.name = budget.name AND typical.weekend = (extract(isodow FROM dates.day) > 5)
    WHERE months.month >= budget.valid_from AND months.month < budget.valid_to
), running AS (
    SELECT *, sum(coalesce(amount, 0)) OVER (PARTITION BY name, month ORDER BY usage_date) AS sum FROM calendar
), summed AS (
    SELECT
        budget.*, running.month, coalesce(sum(running.amount) FILTER (WHERE NOT running.to_come), 0) AS spent,
        CASE WHEN bool_and(running.amount IS NOT NULL) THEN sum(running.amount) END AS expected,
        min(running.usage_date) FILTER (WHERE running.sum >= budget.amount) AS crosses_on
    FROM running
    JOIN budget ON budget.name = running.name
    GROUP BY budget.name, budget.team, budget.connection_id, budget.amount, budget.currency, budget.warn_at,
        budget.forecast, budget.notify, budget.valid_from, budget.valid_to, budget.source_commit, budget.recorded_at,
        budget.superseded_at, running.month
), parts AS (
    SELECT
        name, date_trunc('month', usage_date)::date AS month, max(usage_date) FILTER (WHERE same) AS newest_date,
        coalesce(sum(amount) FILTER (WHERE same AND settled), 0) AS settled,
        coalesce(sum(amount) FILTER (WHERE same AND NOT settled), 0) AS open
    FROM spending
    GROUP BY 1, 2
), others AS (
    SELECT name, month, jsonb_object_agg(currency, amount) AS amounts
    FROM (
        SELECT name, date_trunc('month', usage_date)::date AS month, currency, sum(amount) AS amount
        FROM spending
        WHERE NOT same
        GROUP BY 1, 2, 3
    ) AS other
    GROUP BY name, month
), warned AS (
    SELECT summed.*, (SELECT max(w) FROM unnest(summed.warn_at) AS w WHERE spent * 100 >= w * amount) AS warned_at
    FROM summed
)
SELECT
    warned.name, warned.team, warned.connection_id, warned.month, warned.currency, warned.amount, warned.spent,
    coalesce(parts.settled, 0) AS spent_settled, coalesce(parts.open, 0) AS spent_open,
    round(warned.spent * 100 / warned.amount, 3) AS share, parts.newest_date, warned.expected AS forecast,
    warned.crosses_on, warned.warned_at, others.amounts AS other_currencies,
    CASE
        WHEN warned.spent >= warned.amount THEN 'crossed'
        WHEN others.amounts IS NOT NULL THEN 'other currency'
        WHEN warned.forecast AND warned.expected >= warned.amount THEN 'forecast'
        WHEN warned.warned_at IS NOT NULL THEN 'warned'
        ELSE 'ok'
    END AS state
FROM warned
LEFT JOIN parts ON parts.name = warned.name AND parts.month = warned.month
LEFT JOIN others ON others.name = warned.name AND others.month = warned.month
