-- How much of each month the ledger holds: one row per month of each report that a living connection fetches, from the
-- month of its first known date on. A sum over a month that is not `whole` is a part of it.
-- connection_id: The connection.
-- provider: The vendor.
-- account_id: The vendor's id of the account.
-- report: The endpoint. Reports without days are not here.
-- month: The first date of the month.
-- days: Dates of the month, those to come and those before the report's first known date too.
-- loaded_days: Dates that are loaded, or confirmed empty.
-- settled_days: Dates whose figures are no longer re-read.
-- held_days: Dates whose new figures contradict the known ones.
-- failed_days: Dates that were tried and never loaded.
-- missing_days: Dates that are over and of which nothing is known, those before the report's first known date too.
-- whole: True when every date of the month is loaded and settled.
CREATE VIEW marts.monthly_coverage AS
SELECT
    connection_id, provider, account_id, report, month, days, loaded_days, settled_days, held_days, failed_days,
    greatest(least(days, over_days) - loaded_days - held_days - failed_days, 0) AS missing_days,
    loaded_days = days AND settled_days = days AS whole
FROM (
    SELECT
        connection_id, provider, account_id, report, date_trunc('month', usage_date)::date AS month,
        extract(day FROM date_trunc('month', usage_date) + interval '1 month - 1 day')::integer AS days,
        max(usage_date) - date_trunc('month', usage_date)::date + 1 AS over_days,
        count(*) FILTER (WHERE state IN ('loaded', 'empty'))::integer AS loaded_days,
        count(*) FILTER (WHERE settled AND state IN ('loaded', 'empty'))::integer AS settled_days,
        count(*) FILTER (WHERE state = 'held')::integer AS held_days,
        count(*) FILTER (WHERE state = 'failed')::integer AS failed_days
    FROM marts.coverage
    GROUP BY connection_id, provider, account_id, report, date_trunc('month', usage_date)
) AS months
