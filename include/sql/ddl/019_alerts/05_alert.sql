-- What was found and whom it was sent to: one row for each finding of a period (a usage date, the first day of a month,
-- or the date on which a state began). `cleared_at` is when it ended.
CREATE TABLE ops.alert (
    kind text NOT NULL,
    name text COLLATE "C" NOT NULL,
    period date NOT NULL,
    level text NOT NULL,
    currency text NOT NULL DEFAULT '',
    figure numeric(38,18),
    expected numeric(38,18),
    message text NOT NULL,
    next_step text NOT NULL DEFAULT '',
    notify text[] NOT NULL DEFAULT '{}',
    sent_to text[] NOT NULL DEFAULT '{}',
    first_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at timestamptz,
    cleared_at timestamptz,
    PRIMARY KEY (kind, name, period, level, currency)
)
