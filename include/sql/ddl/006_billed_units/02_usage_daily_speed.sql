-- From now on every row says what was sent.
ALTER TABLE ledger.usage_daily ALTER COLUMN speed DROP DEFAULT
