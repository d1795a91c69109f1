-- A page's transaction: it writes nothing, sees what BI sees, and does not wait for ever.
SELECT
    set_config('transaction_read_only', 'on', true), set_config('role', %(role)s, true),
    set_config('statement_timeout', %(timeout)s, true)
