-- A date that was read again may be settled now, or its use another one.
CREATE FUNCTION ops.note_day_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ops.team_cost_due (connection_id, usage_date, cause) VALUES (NEW.connection_id, NEW.usage_date, 'read');
    RETURN NULL;
END
$$
