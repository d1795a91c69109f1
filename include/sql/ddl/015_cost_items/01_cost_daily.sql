-- Columns are those of data_contracts/cost_daily.yaml. '' is what the rows so far say.
ALTER TABLE ledger.cost_daily
    ADD COLUMN deployment text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN accelerator text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN batch text COLLATE "C" NOT NULL DEFAULT ''
