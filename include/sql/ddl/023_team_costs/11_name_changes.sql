-- A user's rule owns the user's keys: another owner of a key may be another team of any date.
CREATE FUNCTION ops.note_name_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ops.team_cost_due (connection_id, usage_date, cause)
    SELECT DISTINCT connection_id, usage_date, 'read'
    FROM ledger.team_cost
    WHERE connection_id IN (
        SELECT changed.connection_id
        FROM changed
        JOIN ledger.owner_rule AS rule ON rule.kind = 'user' AND rule.id = changed.owner_id
            AND rule.superseded_at IS NULL AND rule.connection_id IN ('', changed.connection_id)
        WHERE changed.kind = 'api_key'
    );
    RETURN NULL;
END
$$
