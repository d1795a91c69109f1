-- Who owns what in a half-open interval of dates. connection_id '' is any connection. A row is never edited but for
-- `superseded_at`; `change_id` is the new_load_id of the restatements that it caused.
CREATE TABLE ledger.owner_rule (
    rule_id text COLLATE "C" NOT NULL,
    connection_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL
        CHECK (kind IN ('deployment', 'api_key', 'user', 'project', 'tag_team', 'connection')),
    id text COLLATE "C" NOT NULL CHECK (id <> ''),
    team text COLLATE "C" NOT NULL,
    app text COLLATE "C" NOT NULL,
    valid_from date NOT NULL,
    valid_to date NOT NULL,
    source_commit text NOT NULL,
    change_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    superseded_at timestamptz,
    CHECK (valid_from < valid_to),
    PRIMARY KEY (rule_id, recorded_at)
)
