-- Whether a row of the window has anything but these values.
SELECT EXISTS (
    SELECT
    FROM {table}
    WHERE connection_id = %(connection_id)s AND report = %(report)s
        AND usage_date >= %(first)s AND usage_date < %(end)s AND ({differing})
)
