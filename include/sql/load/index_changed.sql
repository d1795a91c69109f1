-- Plans that take the ledger's rows of a report for few look each of them up here.
CREATE UNIQUE INDEX ON {changed} (usage_date, row_key)
