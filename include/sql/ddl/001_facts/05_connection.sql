-- One account is one connection among the living.
CREATE TABLE ops.connection (
    connection_id text COLLATE "C" PRIMARY KEY,
    provider text NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    timezone text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz
)
