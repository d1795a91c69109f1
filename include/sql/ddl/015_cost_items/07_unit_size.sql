-- How many of a meter's own units (tokens, seconds, byte-hours) one of the vendor's is; null where that is not known.
CREATE FUNCTION ledger.unit_size(unit text, meter text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
    WHEN unit IN ('', 'tokens', 'count', 'images', 'characters') THEN 1
    WHEN lower(unit) IN ('1000_tokens', '1000 tokens', '1k tokens') THEN 1000
    WHEN lower(unit) IN ('1000000_tokens', '1000000 tokens', '1m tokens') THEN 1000000
    WHEN lower(unit) IN ('units', 'n/a') AND meter LIKE '%tokens' THEN NULL
    WHEN lower(unit) = 'gibibyte_hours' THEN 1073741824
    WHEN lower(unit) IN ('h', 'hour', 'hours') AND meter LIKE '%seconds' THEN 3600
    WHEN lower(unit) IN ('min', 'minute', 'minutes') AND meter LIKE '%seconds' THEN 60
    ELSE 1
END
