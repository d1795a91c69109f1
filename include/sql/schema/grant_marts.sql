DO $$
BEGIN
    GRANT USAGE ON SCHEMA marts TO bi_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA marts TO bi_reader;
EXCEPTION
    WHEN undefined_object THEN RAISE WARNING 'role bi_reader is missing; marts were granted to nobody';
END
$$
