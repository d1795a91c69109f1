-- What each team's use cost in a month, so far: one row per connection, month, currency, team, app and cost center. Rows
-- without a team are what nobody owns, so that the rows of a month add up to its bill. Never add different currencies.
-- connection_id: The connection.
-- provider: The vendor.
-- month: The first date of the month.
-- currency: ISO 4217 code of the amounts.
-- team: Who owns it; '' where nobody does.
-- team_name: The same, `(no team)` where nobody does.
-- app: For which of the team's applications; '' where the rule does not say it.
-- cost_center: The team's cost center.
-- amount: The cost of the dates that are loaded, signed and exact.
-- settled_amount: The part of it of dates that are no longer re-read.
-- days: Dates of the month, those to come too; null once the connection is retired or no longer fetches its bill.
-- loaded_days: Dates whose bill is loaded, or confirmed empty; of several reports of a bill, of the one with the fewest.
-- settled_days: Dates whose figures are no longer re-read, likewise.
CREATE VIEW marts.monthly_cost_by_team AS
SELECT
    own.connection_id, own.provider, calendar.month, own.currency, own.team,
    coalesce(nullif(own.team, ''), '(no team)') AS team_name, own.app, own.cost_center, own.amount, own.settled_amount,
    bill.days, bill.loaded_days, bill.settled_days
FROM (SELECT min(usage_date)::timestamp AS first, max(usage_date)::timestamp AS last FROM ops.day) AS span
CROSS JOIN LATERAL generate_series(date_trunc('month', span.first), span.last, interval '1 month') AS start
CROSS JOIN LATERAL (SELECT start::date AS month) AS calendar
CROSS JOIN LATERAL (  -- a month at a time, so that a question about one reads no other
    SELECT
        connection_id, provider, currency, team, app, cost_center, trim_scale(sum(amount)) AS amount,
        trim_scale(coalesce(sum(amount) FILTER (WHERE settled), 0)) AS settled_amount
    FROM marts.daily_cost_by_team
    WHERE usage_date >= calendar.month AND usage_date < (calendar.month + interval '1 month')::date
    GROUP BY connection_id, provider, currency, team, app, cost_center
) AS own
CROSS JOIN LATERAL (  -- of the reports that charge in that currency
    SELECT min(days) AS days, min(loaded_days) AS loaded_days, min(settled_days) AS settled_days
    FROM marts.monthly_coverage AS covered
    WHERE covered.connection_id = own.connection_id AND covered.month = calendar.month AND EXISTS (
        SELECT FROM ledger.cost_daily
        WHERE connection_id = own.connection_id AND report = covered.report AND usage_date >= calendar.month
            AND usage_date < (calendar.month + interval '1 month')::date AND breakdown = '' AND currency = own.currency
    )
) AS bill
