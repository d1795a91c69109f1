-- What the declarations say of each provider that views need: who sells, what, and in which words.
-- Every upgrade writes it anew when a declaration has changed.
CREATE TABLE ledger.provider (
    provider text COLLATE "C" PRIMARY KEY,
    title text COLLATE "C" NOT NULL,
    seller text COLLATE "C" NOT NULL,
    service text COLLATE "C" NOT NULL,
    account_type text COLLATE "C" NOT NULL,
    part_type text COLLATE "C" NOT NULL,
    host text COLLATE "C" NOT NULL
)
