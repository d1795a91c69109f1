-- Columns are those of data_contracts/name_observation.yaml, and when it was fetched: the first report for a day stands.
CREATE TABLE ops.name_observation (
    connection_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    observed_on date NOT NULL,
    name text COLLATE "C" NOT NULL,
    parent_id text COLLATE "C",
    owner_id text COLLATE "C",
    tags text COLLATE "C",
    load_id uuid NOT NULL,
    fetched_at timestamptz NOT NULL,
    PRIMARY KEY (connection_id, kind, id, observed_on)
)
