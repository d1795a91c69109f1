-- Every attempt to bring one window of one report into the warehouse. Windows are half-open.
CREATE TABLE ops.load (
    load_id uuid PRIMARY KEY,
    connection_id text COLLATE "C" NOT NULL,
    report text COLLATE "C" NOT NULL,
    window_from date NOT NULL,
    window_to date NOT NULL,
    state text NOT NULL
        CHECK (state IN ('extracting', 'landed', 'transformed', 'validated', 'loaded', 'held', 'superseded', 'failed')),
    fetched_at timestamptz,
    manifest_uri text,
    row_count bigint,
    sums jsonb,
    declaration text NOT NULL,
    error_class text,
    error_message text,
    run_id text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
)
