-- A finding: new, or the same as before, which may have ended in between.
INSERT INTO ops.alert (kind, name, period, level, currency, figure, expected, message, next_step, notify)
VALUES (
    %(kind)s, %(name)s, %(period)s, %(level)s, %(currency)s, %(figure)s, %(expected)s, %(message)s, %(next_step)s,
    %(notify)s::text[]
)
ON CONFLICT (kind, name, period, level, currency) DO UPDATE SET
    figure = excluded.figure, expected = excluded.expected, message = excluded.message,
    next_step = excluded.next_step, notify = excluded.notify, cleared_at = NULL
RETURNING xmax = 0 AS new
