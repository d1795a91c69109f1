-- Which rows `copy_out` gives: COPY takes no parameters.
SELECT set_config('usage_ledger.connection_id', %(connection_id)s, true),
    set_config('usage_ledger.report', %(report)s, true),
    set_config('usage_ledger.first', %(first)s::text, true), set_config('usage_ledger.end', %(end)s::text, true)
