-- Columns are those of data_contracts/usage_daily.yaml. '' is what the rows so far say.
ALTER TABLE ledger.usage_daily
    ADD COLUMN speed text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN byok_requests bigint,
    ADD COLUMN videos bigint,
    ADD COLUMN video_seconds numeric(38,9),
    ADD COLUMN video_pixels bigint,
    ADD COLUMN results bigint,
    ADD COLUMN training_steps bigint
