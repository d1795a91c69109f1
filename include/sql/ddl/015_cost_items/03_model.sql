-- Every model id in the facts, and its family: the one name under which usage, bill and price lists are compared,
-- however each of them spells the model. The load writes it, by rules of the provider's declaration.
CREATE TABLE ledger.model (
    provider text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL,
    family text COLLATE "C" NOT NULL,
    PRIMARY KEY (provider, model)
)
