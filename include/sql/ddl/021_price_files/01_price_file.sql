-- What the price book was last brought up to date with: the files of prices, and the bills.
CREATE TABLE ops.price_file (
    name text PRIMARY KEY,
    content text NOT NULL,
    who text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
