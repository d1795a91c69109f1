-- Columns are those of data_contracts/cost_daily.yaml. '' is what the rows so far say.
ALTER TABLE ledger.cost_daily
    ADD COLUMN sku_id text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN invoice_month text COLLATE "C" NOT NULL DEFAULT ''
