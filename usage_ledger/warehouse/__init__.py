"""The warehouse: its schema, the load transaction, and the ledger of days. PostgreSQL 15 or newer."""
