-- A lock that is not granted, or a client that died inside its transaction, must not stop the others. Rows of a large
-- load are compared in memory.
SELECT set_config('lock_timeout', %(lock)s, true), set_config('idle_in_transaction_session_timeout', %(idle)s, true),
    set_config('work_mem', %(memory)s, true)
