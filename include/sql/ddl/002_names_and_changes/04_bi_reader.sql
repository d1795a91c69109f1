-- The role of BI tools: it sees the views of `marts`, nothing else. Grant it to a login of your own.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bi_reader') THEN
        CREATE ROLE bi_reader NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE WARNING 'role bi_reader is missing and this role may not create it: ask for CREATE ROLE bi_reader NOLOGIN';
END
$$
