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
    month.connection_id, month.provider, month.account_id, month.report, month.month, month.days, day.loaded_days,
    day.settled_days, day.held_days, day.failed_days,
    greatest(
        least(month.days, least(month.last, month.month + month.days - 1) - month.month + 1)
            - day.loaded_days - day.held_days - day.failed_days, 0
    ) AS missing_days,
    day.loaded_days = month.days AND day.settled_days = month.days AS whole
FROM (
    SELECT
        connection.connection_id, connection.provider, connection.account_id, fetched.report, span.first, span.last,
        start::date AS month, extract(day FROM start + interval '1 month - 1 day')::integer AS days
    FROM ops.connection AS connection
    JOIN ops.connection_report AS fetched ON fetched.connection_id = connection.connection_id AND fetched.until IS NULL
    CROSS JOIN LATERAL (  -- as in marts.coverage
        SELECT min(usage_date) AS first
        FROM ops.day
        WHERE connection_id = fetched.connection_id AND report = fetched.report
    ) AS oldest
    CROSS JOIN LATERAL (
        SELECT oldest.first, (now() AT TIME ZONE day_zone)::date - 1 AS last
        FROM ops.day
        WHERE connection_id = fetched.connection_id AND report = fetched.report
        ORDER BY usage_date DESC
        LIMIT 1
    ) AS span
    CROSS JOIN LATERAL generate_series(
        date_trunc('month', span.first::timestamp), span.last::timestamp, interval '1 month'
    ) AS start
    WHERE connection.retired_at IS NULL AND span.first <= span.last
) AS month
CROSS JOIN LATERAL (  -- a month at a time, so that a question about one reads no other
    SELECT
        count(*) FILTER (WHERE state IN ('loaded', 'empty'))::integer AS loaded_days,
        count(*) FILTER (WHERE settled AND state IN ('loaded', 'empty'))::integer AS settled_days,
        count(*) FILTER (WHERE state = 'held')::integer AS held_days,
        count(*) FILTER (WHERE state = 'failed')::integer AS failed_days
    FROM ops.day
    WHERE connection_id = month.connection_id AND report = month.report
        AND usage_date BETWEEN month.month AND least(month.last, month.month + month.days - 1)
) AS day
