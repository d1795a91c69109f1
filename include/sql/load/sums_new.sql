-- Rows and exact sums of every meter among the new rows, by date: of this load alone, or with those that it says nothing
-- of. Where not all of them are staged, the ledger has the others.
SELECT usage_date, {currency} AS currency, count(*){sums}
FROM (
    SELECT {columns}
    FROM {stage}
    WHERE usage_date = ANY(%(dates)s) AND (load_id = %(load_id)s OR %(unasked)s)
    UNION ALL
    SELECT {columns}
    FROM {table}
    WHERE NOT %(all_staged)s
        AND connection_id = %(connection_id)s AND report = %(report)s AND usage_date = ANY(%(dates)s)
        AND (usage_date, row_key) NOT IN (
            SELECT usage_date, row_key FROM {stage}
            UNION ALL
            SELECT * FROM unnest(%(gone_dates)s::date[], %(gone_keys)s::uuid[])
        )
) AS summed
GROUP BY 1, 2
