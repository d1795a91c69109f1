-- Columns are those of data_contracts/cost_daily.yaml.
CREATE TABLE ledger.cost_daily (
    connection_id text COLLATE "C" NOT NULL,
    report text COLLATE "C" NOT NULL,
    usage_date date NOT NULL,
    row_key uuid NOT NULL,
    usage_type text COLLATE "C" NOT NULL,
    category text COLLATE "C" NOT NULL,
    charge_category text COLLATE "C" NOT NULL,
    line_item text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    provider text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    breakdown text COLLATE "C" NOT NULL,
    basis text COLLATE "C" NOT NULL,
    bucket_start timestamptz NOT NULL,
    bucket_end timestamptz NOT NULL,
    load_id uuid NOT NULL,
    quantity numeric(38,18),
    unit_price numeric(38,18),
    amount numeric(38,18) NOT NULL,
    PRIMARY KEY (connection_id, report, usage_date, row_key)
) PARTITION BY RANGE (usage_date)
