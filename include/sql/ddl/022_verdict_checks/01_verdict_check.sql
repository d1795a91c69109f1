-- When the bill of each connection was last compared: the dates that were loaded, and the prices that changed, since
-- then are compared next.
CREATE TABLE ops.verdict_check (
    connection_id text COLLATE "C" PRIMARY KEY,
    checked_at timestamptz NOT NULL
)
