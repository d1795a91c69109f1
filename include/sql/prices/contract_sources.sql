-- The files of which the price book holds prices of contracts now.
SELECT DISTINCT source FROM ledger.price WHERE origin = 'contract' AND superseded_at IS NULL
