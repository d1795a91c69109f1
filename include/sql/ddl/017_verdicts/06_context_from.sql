-- The number of input tokens above which a vendor's class of context length begins: `200k-1M` begins at 200,000; a
-- class without figures, such as `long`, above all that price lists name; '' and unknown ones at none.
CREATE FUNCTION ledger.context_from(context_window text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
    WHEN context_window = '' THEN 0
    WHEN context_window ~ '^\d{1,9}[kK]?\b' THEN substring(context_window FROM '^\d+')::bigint
        * CASE WHEN context_window ~ '^\d+[kK]' THEN 1000 ELSE 1 END
    WHEN context_window ~* 'long' THEN 9000000000000000
    ELSE 0
END
