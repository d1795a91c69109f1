-- From now on every row says what was sent.
ALTER TABLE ledger.cost_daily
    ALTER COLUMN deployment DROP DEFAULT,
    ALTER COLUMN accelerator DROP DEFAULT,
    ALTER COLUMN batch DROP DEFAULT
