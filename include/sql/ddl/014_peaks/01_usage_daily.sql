-- Columns are those of data_contracts/usage_daily.yaml.
ALTER TABLE ledger.usage_daily
    ADD COLUMN peak_input_tokens_per_second numeric(38,9),
    ADD COLUMN peak_output_tokens_per_second numeric(38,9)
