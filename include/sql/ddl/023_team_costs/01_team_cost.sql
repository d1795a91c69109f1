-- What each team's use of a usage date cost, as last recorded from marts.allocated_cost. The rows of a connection and
-- date add up to its bill; dates in ops.team_cost_due with the cause `bill` are behind it.
CREATE TABLE ledger.team_cost (
    connection_id text COLLATE "C" NOT NULL,
    usage_date date NOT NULL,
    currency text COLLATE "C" NOT NULL,
    team text COLLATE "C" NOT NULL,
    app text COLLATE "C" NOT NULL,
    method text NOT NULL,
    provider text COLLATE "C" NOT NULL,
    amount numeric NOT NULL,
    settled boolean NOT NULL,
    PRIMARY KEY (connection_id, usage_date, currency, team, app, method)
)
