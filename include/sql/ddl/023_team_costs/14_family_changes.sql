-- Usage and bill are compared by a model's family.
CREATE FUNCTION ops.note_family_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ops.team_cost_due (connection_id, usage_date, cause)
    SELECT DISTINCT connection_id, usage_date, 'read'
    FROM ledger.team_cost
    WHERE provider IN (SELECT provider FROM changed);
    RETURN NULL;
END
$$
