CREATE UNIQUE INDEX budget_current ON ledger.budget (name) WHERE superseded_at IS NULL
