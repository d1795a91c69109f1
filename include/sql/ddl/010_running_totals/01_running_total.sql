-- A vendor's running total, one row a snapshot. The newest one that could be compared with the rows since an earlier
-- snapshot says how: the rows of the days between are at least `lowest` and, with the days that the two lie in, at most
-- `highest`.
CREATE TABLE ops.running_total (
    connection_id text COLLATE "C" NOT NULL,
    report text COLLATE "C" NOT NULL,
    field text NOT NULL,
    fetched_at timestamptz NOT NULL,
    total numeric NOT NULL,
    of_report text COLLATE "C" NOT NULL,
    load_id uuid NOT NULL,
    since timestamptz,
    growth numeric,
    lowest numeric,
    highest numeric,
    PRIMARY KEY (connection_id, report, field, fetched_at)
)
