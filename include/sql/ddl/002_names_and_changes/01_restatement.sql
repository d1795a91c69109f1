-- Every later change of a loaded day: a row per key and meter.
CREATE TABLE ops.restatement (
    connection_id text COLLATE "C" NOT NULL,
    report text COLLATE "C" NOT NULL,
    usage_date date NOT NULL,
    table_name text NOT NULL,
    row_key uuid NOT NULL,
    dimensions jsonb NOT NULL,
    meter text NOT NULL,
    old numeric,
    new numeric,
    old_load_id uuid,
    new_load_id uuid NOT NULL,
    cause text NOT NULL CHECK (cause IN ('provider', 'declaration')),
    detected_at timestamptz NOT NULL,
    PRIMARY KEY (connection_id, report, usage_date, table_name, row_key, meter, new_load_id)
)
