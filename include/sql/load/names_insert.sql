INSERT INTO ledger.name (connection_id, kind, id, name, parent_id, owner_id, tags, valid_from, valid_to)
SELECT connection_id, kind, id, name, parent_id, owner_id, tags, valid_from, valid_to FROM name_interval
ON CONFLICT (connection_id, kind, id, valid_from) DO NOTHING
