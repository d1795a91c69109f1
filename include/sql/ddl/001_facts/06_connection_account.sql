CREATE UNIQUE INDEX connection_account ON ops.connection (provider, account_id) WHERE retired_at IS NULL
