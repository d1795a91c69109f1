-- By triggers and not by the load: whoever writes a bill, no date of it is ever silently absent from team costs.
CREATE FUNCTION ops.note_bill_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ops.team_cost_due (connection_id, usage_date, cause)
    SELECT DISTINCT connection_id, usage_date, 'bill' FROM changed;
    RETURN NULL;
END
$$
