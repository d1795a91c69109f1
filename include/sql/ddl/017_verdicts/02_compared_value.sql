-- The dimension's value under which a part of usage or a line of a bill is compared: its own where both sides say
-- the dimension; '' where usage does not; of usage that no line names, the line that names none.
CREATE FUNCTION ledger.compared_value(value text, billed boolean, said boolean, of_lines text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
    WHEN of_lines IS NULL OR NOT coalesce(said, true) THEN ''
    WHEN billed OR value = ANY (of_lines) OR NOT '' = ANY (of_lines) THEN value
    ELSE ''
END
