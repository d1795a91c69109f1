INSERT INTO ops.connection_report (connection_id, report)
SELECT %(connection_id)s, listed.report
FROM unnest(%(reports)s::text[]) AS listed (report)
ON CONFLICT (connection_id, report) DO NOTHING
