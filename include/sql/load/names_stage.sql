CREATE TEMPORARY TABLE staged_name (LIKE ops.name_observation) ON COMMIT DROP
