-- What was said of each day's bill, and when: a row whenever a day's verdict or figures change. The newest is the
-- one that holds.
CREATE TABLE ops.verdict (
    connection_id text COLLATE "C" NOT NULL,
    usage_date date NOT NULL,
    currency text COLLATE "C" NOT NULL,
    said_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    verdict text NOT NULL CHECK (verdict IN (
        'reconciled', 'explained', 'within_bounds', 'out_of_bounds', 'unpriced', 'unsettled', 'no_bill', 'gone'
    )),
    charged numeric(38, 18),
    rated numeric(38, 18),
    low numeric(38, 18),
    high numeric(38, 18),
    residual numeric(38, 18),
    settled boolean NOT NULL,
    blame jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (connection_id, usage_date, currency, said_at)
)
