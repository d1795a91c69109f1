INSERT INTO ops.connection_report (connection_id, report, lookback_days)
SELECT %(connection_id)s, requested.report, requested.lookback_days
FROM unnest(%(reports)s::text[], %(lookbacks)s::integer[]) AS requested (report, lookback_days)
ON CONFLICT (connection_id, report) DO UPDATE SET lookback_days = EXCLUDED.lookback_days
WHERE ops.connection_report.lookback_days IS DISTINCT FROM EXCLUDED.lookback_days
