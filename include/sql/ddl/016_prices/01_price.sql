-- The price book. A row is never edited but for `superseded_at`: a correction is a new row, so that what was said
-- at any time can still be asked: rows of `recorded_at` <= then and (`superseded_at` > then or null).
CREATE TABLE ledger.price (
    provider text COLLATE "C" NOT NULL,
    connection_id text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL,
    family text COLLATE "C" NOT NULL,
    meter text COLLATE "C" NOT NULL,
    service_tier text COLLATE "C" NOT NULL,
    context_from bigint NOT NULL,
    region text COLLATE "C" NOT NULL,
    host text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    amount numeric(38,18) NOT NULL CHECK (amount >= 0),
    per numeric(38,9) NOT NULL CHECK (per > 0),
    valid_from date NOT NULL,
    valid_to date NOT NULL,
    rank smallint NOT NULL CHECK (rank BETWEEN 1 AND 5),
    origin text NOT NULL CHECK (origin IN ('contract', 'list', 'bill', 'catalogue')),
    source text NOT NULL,
    load_id uuid,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    superseded_at timestamptz,
    CHECK (valid_from < valid_to),
    PRIMARY KEY (
        provider, connection_id, model, meter, service_tier, context_from, region, host, currency, rank, valid_from,
        recorded_at
    )
)
