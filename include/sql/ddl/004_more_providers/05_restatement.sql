-- Rows of another breakdown than the record's repeat the same traffic: what moved is told apart by it.
ALTER TABLE ops.restatement ADD COLUMN breakdown text COLLATE "C" NOT NULL DEFAULT ''
