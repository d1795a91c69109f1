-- The newest snapshot all whose days are loaded, and the oldest one of the month before: how the total grew between
-- them, next to the rows of the record. A total may be an hour late, so days that end or begin so near are in `highest`
-- alone. Days are UTC.
UPDATE ops.running_total AS compared
SET since = pair.since, growth = pair.growth, lowest = sums.lowest, highest = sums.highest
FROM (
    SELECT newest.fetched_at, oldest.fetched_at AS since, newest.total - oldest.total AS growth, first, last
    FROM ops.running_total AS newest
    JOIN ops.running_total AS oldest USING (connection_id, report, field)
    CROSS JOIN LATERAL (
        SELECT ((oldest.fetched_at - interval '1 hour') AT TIME ZONE 'UTC')::date AS first,
            (newest.fetched_at AT TIME ZONE 'UTC')::date AS last
    ) AS span
    WHERE newest.connection_id = %(connection_id)s AND newest.report = %(report)s AND newest.field = %(field)s
        AND newest.fetched_at <= %(fetched_at)s AND newest.of_report = %(of_report)s
        AND newest.fetched_at - oldest.fetched_at BETWEEN interval '1 day' AND interval '31 days'
        AND last - first + 1 = (
            SELECT count(*)
            FROM ops.day
            WHERE connection_id = %(connection_id)s AND report = %(of_report)s AND usage_date BETWEEN first AND last
                AND state IN ('loaded', 'empty')
        )
    ORDER BY newest.fetched_at DESC, oldest.fetched_at
    LIMIT 1
) AS pair
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(amount) FILTER (
            WHERE bucket_start >= pair.since AND bucket_end <= pair.fetched_at - interval '1 hour'
        ), 0) AS lowest,
        coalesce(sum(amount), 0) AS highest
    FROM ledger.cost_daily
    WHERE connection_id = %(connection_id)s AND report = %(of_report)s AND breakdown = ''
        AND usage_date BETWEEN pair.first AND pair.last
) AS sums
WHERE compared.connection_id = %(connection_id)s AND compared.report = %(report)s AND compared.field = %(field)s
    AND compared.fetched_at = pair.fetched_at
RETURNING compared.since, compared.fetched_at, compared.growth, compared.lowest, compared.highest, EXISTS (
    SELECT FROM ops.running_total AS later
    WHERE later.connection_id = compared.connection_id AND later.report = compared.report AND later.field = compared.field
        AND later.fetched_at > compared.fetched_at AND later.growth IS NOT NULL
)
