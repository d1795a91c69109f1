-- What the ledger holds for each connection, report and date, and why.
CREATE TABLE ops.day (
    connection_id text COLLATE "C" NOT NULL,
    report text COLLATE "C" NOT NULL,
    usage_date date NOT NULL,
    day_zone text NOT NULL,
    state text NOT NULL CHECK (state IN ('loaded', 'empty', 'held', 'failed')),
    load_id uuid,
    fetched_at timestamptz,
    row_count bigint NOT NULL DEFAULT 0,
    settled boolean NOT NULL DEFAULT false,
    evidence jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (connection_id, report, usage_date)
)
