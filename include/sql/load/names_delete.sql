DELETE FROM ledger.name AS standing
USING (SELECT DISTINCT connection_id, kind, id FROM staged_name) AS seen
WHERE (standing.connection_id, standing.kind, standing.id) = (seen.connection_id, seen.kind, seen.id)
    AND NOT EXISTS (
        SELECT FROM name_interval AS wanted
        WHERE (wanted.*) IS NOT DISTINCT FROM (standing.*)
    )
