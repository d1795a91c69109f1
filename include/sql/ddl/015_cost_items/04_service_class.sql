-- The class of service of a row: standard, batch, priority, flex, fast, or the vendor's own word in lower case;
-- '' where the vendor does not say it.
CREATE FUNCTION ledger.service_class(service_tier text, batch text, speed text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
    WHEN batch = 'true' OR service_tier ~* 'batch$' THEN 'batch'
    WHEN speed NOT IN ('', 'standard') THEN lower(speed)
    WHEN lower(service_tier) IN ('default', 'standard', 'on_demand') THEN 'standard'
    WHEN service_tier = '' AND (speed = 'standard' OR batch = 'false') THEN 'standard'
    ELSE lower(service_tier)
END
