-- The first of at most five words that is among others; null where none is.
CREATE FUNCTION ledger.first_of(words text[], others text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
    WHEN words[1] = ANY (others) THEN words[1]
    WHEN words[2] = ANY (others) THEN words[2]
    WHEN words[3] = ANY (others) THEN words[3]
    WHEN words[4] = ANY (others) THEN words[4]
    WHEN words[5] = ANY (others) THEN words[5]
END
