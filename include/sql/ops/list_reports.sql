INSERT INTO ops.connection_report (connection_id, report)
SELECT %(connection_id)s, requested.report
FROM unnest(%(reports)s::text[]) AS requested (report)
ON CONFLICT (connection_id, report) DO NOTHING
