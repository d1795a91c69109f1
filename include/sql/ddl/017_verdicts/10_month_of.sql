-- The first day of a date's month.
CREATE FUNCTION ledger.month_of(day date) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN date_trunc('month', day::timestamp)::date
