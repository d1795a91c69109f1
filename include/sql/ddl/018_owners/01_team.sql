-- Teams of include/owners.yaml. A row is never edited but for `superseded_at`, so that what was said at any time can
-- still be asked.
CREATE TABLE ledger.team (
    team text COLLATE "C" NOT NULL,
    cost_center text COLLATE "C" NOT NULL,
    notify text[] NOT NULL,
    source_commit text NOT NULL,
    change_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    superseded_at timestamptz,
    PRIMARY KEY (team, recorded_at)
)
