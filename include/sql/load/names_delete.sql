DELETE FROM ledger.name AS current_rows
USING (SELECT DISTINCT connection_id, kind, id FROM staged_name) AS staged_ids
WHERE (current_rows.connection_id, current_rows.kind, current_rows.id) = (staged_ids.connection_id, staged_ids.kind, staged_ids.id)
    AND NOT EXISTS (
        SELECT FROM name_interval AS new_interval
        WHERE (new_interval.*) IS NOT DISTINCT FROM (current_rows.*)
    )
