-- Rows of things that this answer was not asked for, as they are. A thing is what these columns hold together.
INSERT INTO {stage}
SELECT current_rows.*
FROM {table} AS current_rows
WHERE connection_id = %(connection_id)s AND report = %(report)s AND usage_date >= %(first)s AND usage_date < %(end)s
    AND jsonb_build_array({column}) <> ALL(%(things)s::jsonb[])
RETURNING usage_date
