-- The first observation of a day is kept: a rename never rewrites history.
INSERT INTO ops.name_observation AS observation
SELECT * FROM staged_name
ORDER BY kind, id, observed_on
ON CONFLICT (connection_id, kind, id, observed_on) DO UPDATE SET
    name = EXCLUDED.name,
    parent_id = EXCLUDED.parent_id,
    owner_id = EXCLUDED.owner_id,
    tags = EXCLUDED.tags,
    load_id = EXCLUDED.load_id, fetched_at = EXCLUDED.fetched_at
WHERE EXCLUDED.fetched_at < observation.fetched_at
