-- What a person must know.
CREATE TABLE ops.event (
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    connection_id text COLLATE "C" NOT NULL,
    report text,
    usage_date date,
    kind text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
    message text NOT NULL,
    next_step text NOT NULL DEFAULT '',
    load_id uuid
)
