-- From now on every row says what it was told.
ALTER TABLE ledger.usage_daily
    ALTER COLUMN model_version DROP DEFAULT,
    ALTER COLUMN service_tier DROP DEFAULT,
    ALTER COLUMN batch DROP DEFAULT,
    ALTER COLUMN context_window DROP DEFAULT,
    ALTER COLUMN host DROP DEFAULT,
    ALTER COLUMN project_id DROP DEFAULT,
    ALTER COLUMN user_id DROP DEFAULT,
    ALTER COLUMN channel DROP DEFAULT,
    ALTER COLUMN status DROP DEFAULT
