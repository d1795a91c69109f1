-- Dates whose newest answer failed: whether the ledger holds nothing of them, and whether the answer was wrong as a
-- whole. Loaded dates do not say so themselves: an attempt of this week that failed after they were loaded does.
SELECT usage_date, state = 'failed' AS unloaded,
    CASE state WHEN 'failed' THEN coalesce((evidence #>> '{failed,whole_answer}')::boolean, false) ELSE true END
FROM ops.day AS day
WHERE connection_id = %(connection_id)s AND report = %(report)s
    AND usage_date >= %(first)s AND usage_date < %(end)s
    AND (state = 'failed' OR EXISTS (
        SELECT FROM ops.load AS attempt
        WHERE attempt.connection_id = %(connection_id)s AND attempt.report = %(report)s AND attempt.state = 'failed'
            AND attempt.error_class = ANY(%(classes)s) AND attempt.started_at > now() - interval '7 days'
            AND day.usage_date >= attempt.window_from AND day.usage_date < attempt.window_to
            AND attempt.started_at > day.fetched_at
            AND attempt.load_id::text IS DISTINCT FROM day.evidence #>> '{failed,load_id}'
    ))
