-- The server's version as a number, and whether this role may make the schemas or they are there already.
SELECT
  current_setting('server_version_num')::integer AS version,
  has_database_privilege(current_database(), 'CREATE')
    OR (SELECT count(*) = 3 FROM pg_namespace WHERE nspname IN ('ledger', 'ops', 'marts')) AS may_make_schemas
