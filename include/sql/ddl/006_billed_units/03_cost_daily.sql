-- Columns are those of data_contracts/cost_daily.yaml. '' is what the rows so far say.
ALTER TABLE ledger.cost_daily
    ADD COLUMN speed text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN list_amount numeric(38,18)
