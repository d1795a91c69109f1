-- Columns are those of data_contracts/cost_daily.yaml. '' is what the rows so far were told.
ALTER TABLE ledger.cost_daily
    ADD COLUMN meter text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN model text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN variant text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN resource text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN host text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN region text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN service_tier text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN context_window text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN project_id text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN api_key_id text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN user_id text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN channel text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN unit text COLLATE "C" NOT NULL DEFAULT ''
