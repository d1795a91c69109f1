-- A report that is no longer listed ends now; one that is listed again goes on.
UPDATE ops.connection_report
SET until = CASE WHEN until IS NULL THEN now() END
WHERE connection_id = %(connection_id)s AND (until IS NULL) <> (report = ANY (%(reports)s::text[]))
