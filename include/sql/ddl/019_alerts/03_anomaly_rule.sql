-- When a day is an anomaly. `at_least` is the smallest difference that counts, by currency: {"USD": 50}.
CREATE TABLE ledger.anomaly_rule (
    score numeric(9,3) NOT NULL CHECK (score > 0),
    at_least jsonb NOT NULL,
    settled_only boolean NOT NULL,
    source_commit text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp() PRIMARY KEY,
    superseded_at timestamptz
)
