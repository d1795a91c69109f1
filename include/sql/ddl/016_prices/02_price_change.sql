-- Who changed a price, when, from what to what.
CREATE TABLE ops.price_change (
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    who text NOT NULL,
    provider text COLLATE "C" NOT NULL,
    connection_id text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL,
    meter text COLLATE "C" NOT NULL,
    service_tier text COLLATE "C" NOT NULL,
    context_from bigint NOT NULL,
    region text COLLATE "C" NOT NULL,
    host text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    rank smallint NOT NULL,
    origin text NOT NULL,
    source text NOT NULL,
    per numeric(38,9) NOT NULL,
    old numeric(38,18),
    new numeric(38,18),
    valid_from date NOT NULL,
    valid_to date NOT NULL
)
