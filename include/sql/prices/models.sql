SELECT provider, model, family FROM ledger.model
