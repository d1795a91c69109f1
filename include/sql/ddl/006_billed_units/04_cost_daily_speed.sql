-- From now on every row says what was sent.
ALTER TABLE ledger.cost_daily ALTER COLUMN speed DROP DEFAULT
