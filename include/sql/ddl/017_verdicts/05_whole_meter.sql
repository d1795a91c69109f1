-- The meter that is compared: all input where the cached part of a model's input is not metered.
CREATE FUNCTION ledger.whole_meter(meter text, whole_input boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
    WHEN whole_input AND meter IN ('uncached_input_tokens', 'cached_input_tokens', 'cache_write_tokens',
        'cache_write_1h_tokens') THEN 'input_tokens'
    ELSE meter
END
