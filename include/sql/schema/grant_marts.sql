DO $$
BEGIN
    GRANT USAGE ON SCHEMA marts TO bi_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA marts TO bi_reader;
END
$$
