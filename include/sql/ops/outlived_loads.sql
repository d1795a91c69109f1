-- The landed loads of a report that were fetched before an instant and that no date stands on: a newer load has made each
-- of its dates what it is. A load of a date that is held, failed or not known stays.
SELECT load.load_id::text
FROM ops.load AS load
WHERE load.connection_id = %(connection_id)s AND load.report = %(report)s AND load.load_id::text = ANY(%(landed)s)
    AND load.fetched_at < %(before)s AND load.window_from < load.window_to
    AND NOT EXISTS (
        SELECT FROM generate_series(load.window_from, load.window_to - 1, interval '1 day') AS date (usage_date)
        LEFT JOIN ops.day AS day
            ON day.connection_id = load.connection_id AND day.report = load.report AND day.usage_date = date.usage_date::date
        WHERE day.load_id IS NULL OR day.load_id = load.load_id OR day.state NOT IN ('loaded', 'empty')
            OR day.fetched_at <= load.fetched_at OR NOT day.load_id::text = ANY(%(landed)s)
    )
ORDER BY load.fetched_at
