-- Connections that are failing, held or behind, since the date on which that began.
SELECT
    status.connection_id AS name, coalesce(open.period, %(today)s::date) AS period, status.state AS level,
    '' AS currency, NULL::numeric AS figure, NULL::numeric AS expected,
    format('connection %%s is %%s%%s', status.connection_id, status.state, CASE status.state
        WHEN 'failing' THEN ': ' || coalesce(status.last_error_message, 'its newest load failed')
        WHEN 'held' THEN format(': %%s dates are held', status.held_days)
        ELSE format(': its newest date is %%s, %%s dates are missing and %%s failed',
            coalesce(status.newest_loaded_date::text, 'none'), status.missing_days, status.failed_days)
    END) AS message,
    format('see `usage-ledger status %%s`', status.connection_id) AS next_step, '{}'::text[] AS notify
FROM marts.connection_status AS status
LEFT JOIN ops.alert AS open ON open.kind = 'connection' AND open.name = status.connection_id
    AND open.level = status.state AND open.cleared_at IS NULL
WHERE status.state IN ('failing', 'held', 'behind')
