-- From now on every row says what was sent.
ALTER TABLE ledger.cost_daily
    ALTER COLUMN sku_id DROP DEFAULT,
    ALTER COLUMN invoice_month DROP DEFAULT
