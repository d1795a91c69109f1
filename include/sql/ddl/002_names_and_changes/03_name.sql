-- What each id was called, and when. Dates are half-open; the last name is open-ended.
CREATE TABLE ledger.name (
    connection_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    parent_id text COLLATE "C",
    owner_id text COLLATE "C",
    tags text COLLATE "C",
    valid_from date NOT NULL,
    valid_to date,
    PRIMARY KEY (connection_id, kind, id, valid_from)
)
