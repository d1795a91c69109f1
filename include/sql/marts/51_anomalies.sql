-- How far a day's spending is from days of the same kind: one row per connection or team, currency and usage date.
-- Compared are the days of the same kind (weekday or weekend) in the 28 days before, on a logarithmic scale, so that a
-- doubling and a halving weigh the same. `amount_score` rates the day's sum; `line_score` the median of its lines' own
-- ratios, which shows that all of a bill moved at once even where its largest line is restless. Both count in spreads:
-- 1.4826 times the median deviation of the days before, at least 0.1. Of a connection charges of class Usage alone, of a
-- team all that it owns (a line is a connection and app), in the 180 newest days of the ledger.
-- scope: connection or team: never add the two.
-- name: The connection's id, or the team's name.
-- usage_date: The date.
-- currency: ISO 4217 code of the amounts.
-- amount: What the day cost.
-- expected: The median of the days it is compared with; null while there are fewer than five.
-- days: How many days it is compared with.
-- lines: Lines of the day that have three or more days of their own to be compared with.
-- amount_score: Spreads between the day's sum and what is expected; null while there is too little to say.
-- line_score: Spreads between the median of its lines' ratios and their usual level; null for fewer than three lines.
-- direction: high or low, by the score that is farther from 0.
-- anomaly: True when a score reaches `score` of include/budgets.yaml and the difference `at_least`.
-- settled: True when the provider's figures for the date are no longer re-read.
CREATE VIEW marts.anomalies AS
WITH rule AS (
    SELECT score, at_least, settled_only FROM ledger.anomaly_rule WHERE superseded_at IS NULL
), since AS (
    SELECT max(usage_date) - 180 AS date FROM ops.day
), line AS (
    SELECT
        'connection' AS scope, bill.connection_id AS name, bill.currency, bill.usage_date,
        extract(isodow FROM bill.usage_date) > 5 AS weekend, bool_and(bill.settled) AS settled,
        sum(bill.amount) AS amount,
        concat_ws(E'\n', bill.usage_type, bill.category, bill.line_item, bill.sku_id, bill.model, bill.meter,
            bill.deployment, bill.accelerator) AS line
    FROM marts.bill_lines AS bill
    WHERE bill.charge_category = 'Usage' AND bill.usage_date > (SELECT date FROM since)
    GROUP BY bill.connection_id, bill.currency, bill.usage_date, line
    HAVING bool_and(bill.settled) OR NOT (SELECT settled_only FROM rule)
    UNION ALL
    SELECT
        'team', own.team, own.currency, own.usage_date, extract(isodow FROM own.usage_date) > 5, bool_and(own.settled),
        sum(own.amount), concat_ws(E'\n', own.connection_id, own.app)
    FROM marts.daily_cost_by_team AS own
    WHERE own.team <> '' AND own.usage_date > (SELECT date FROM since)
        AND (SELECT count(*) > 0 FROM ledger.owner_rule WHERE superseded_at IS NULL)  -- else nothing is computed
    GROUP BY own.team, own.currency, own.usage_date, own.connection_id, own.app
    HAVING bool_and(own.settled) OR NOT (SELECT settled_only FROM rule)
), line_ratio AS (
    SELECT
        *, CASE WHEN amount > 0 THEN ln(amount) END - CASE WHEN count(*) FILTER (WHERE amount > 0) OVER before >= 3
            THEN ledger.median(array_agg(ln(amount)) FILTER (WHERE amount > 0) OVER before) END AS ratio
    FROM line
    WINDOW before AS (
        PARTITION BY scope, name, currency, line, weekend ORDER BY usage_date
        RANGE BETWEEN interval '28 days' PRECEDING AND interval '1 day' PRECEDING
    )
), day AS (
    SELECT
        scope, name, currency, usage_date, weekend, bool_and(settled) AS settled, sum(amount) AS amount,
        count(ratio) AS lines, CASE WHEN count(ratio) >= 3 THEN ledger.median(array_agg(ratio)) END AS line_ratio
    FROM line_ratio
    GROUP BY scope, name, currency, usage_date, weekend
), day_ratio AS (
    SELECT
        *, count(*) OVER before AS days,
        CASE WHEN count(*) OVER before >= 5 THEN ledger.median(array_agg(amount) OVER before) END AS expected
    FROM day
    WINDOW before AS (
        PARTITION BY scope, name, currency, weekend ORDER BY usage_date
        RANGE BETWEEN interval '28 days' PRECEDING AND interval '1 day' PRECEDING
    )
), ratio AS (
    -- A day below a hundredth of what is expected counts as a hundredth: a logarithm knows no 0.
    SELECT *, CASE WHEN expected > 0 THEN ln(greatest(amount / expected, 0.01)) END AS amount_ratio FROM day_ratio
), spread AS (
    SELECT
        *, CASE WHEN count(amount_ratio) OVER before >= 8
            THEN greatest(1.4826 * ledger.median(array_agg(abs(amount_ratio)) OVER before), 0.1) END AS amount_spread,
        CASE WHEN count(line_ratio) OVER before >= 8
            THEN greatest(1.4826 * ledger.median(array_agg(abs(line_ratio)) OVER before), 0.1) END AS line_spread
    FROM ratio
    WINDOW before AS (
        PARTITION BY scope, name, currency ORDER BY usage_date
        RANGE BETWEEN interval '28 days' PRECEDING AND interval '1 day' PRECEDING
    )
), scored AS (
    SELECT
        *, round(amount_ratio / amount_spread, 3) AS amount_score,
        round(line_ratio / line_spread, 3) AS line_score
    FROM spread
)
SELECT
    scored.scope, scored.name, scored.usage_date, scored.currency, scored.amount, scored.expected, scored.days,
    scored.lines, scored.amount_score, scored.line_score,
    CASE WHEN abs(scored.line_score) > abs(scored.amount_score) AND scored.line_score < 0 THEN 'low'
        WHEN abs(scored.line_score) > abs(scored.amount_score) THEN 'high'
        WHEN scored.amount_score < 0 THEN 'low' WHEN scored.amount_score > 0 THEN 'high' END AS direction,
    coalesce(greatest(abs(scored.amount_score), abs(scored.line_score)) >= rule.score
        AND abs(scored.amount - scored.expected) >= coalesce((rule.at_least ->> scored.currency)::numeric, 0), false)
        AS anomaly,
    scored.settled
FROM scored
CROSS JOIN rule
