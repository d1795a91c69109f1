-- Budgets a month, as include/budgets.yaml had them. A row is never edited but for `superseded_at`. `warn_at` are shares
-- of the amount in percent; `valid_from` and `valid_to` are first days of months, half-open.
CREATE TABLE ledger.budget (
    name text COLLATE "C" NOT NULL,
    team text COLLATE "C" NOT NULL,
    connection_id text COLLATE "C" NOT NULL,
    amount numeric(38,18) NOT NULL CHECK (amount > 0),
    currency text COLLATE "C" NOT NULL,
    warn_at numeric(9,3)[] NOT NULL,
    forecast boolean NOT NULL,
    notify text[] NOT NULL,
    valid_from date NOT NULL,
    valid_to date NOT NULL,
    source_commit text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    superseded_at timestamptz,
    CHECK (valid_from < valid_to),
    CHECK (team <> '' OR connection_id <> ''),
    PRIMARY KEY (name, recorded_at)
)
