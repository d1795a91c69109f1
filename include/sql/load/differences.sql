-- The keys of these dates whose rows are not equal: new ones, those that are gone, and those whose content changed. Where
-- a row of the ledger lies is told too: no plan can be wrong about how to find it again. Where not all new rows are
-- staged, the ledger has the others.
CREATE TEMPORARY TABLE {changed} ON COMMIT DROP AS
SELECT usage_date, row_key, current_rows.part, current_rows.place,
    current_rows.load_id IS NULL AS is_new, staged.load_id IS NULL AS is_gone
FROM (
    SELECT *, tableoid AS part, ctid AS place FROM {table}
    WHERE connection_id = %(connection_id)s AND report = %(report)s AND usage_date = ANY(%(dates)s)
        AND (%(all_staged)s OR (usage_date, row_key) IN (
            SELECT usage_date, row_key FROM {stage}
            UNION ALL
            SELECT * FROM unnest(%(gone_dates)s::date[], %(gone_keys)s::uuid[])
        ))
) AS current_rows
FULL JOIN (SELECT * FROM {stage} WHERE usage_date = ANY(%(dates)s)) AS staged USING (usage_date, row_key)
WHERE ({current_content}) IS DISTINCT FROM ({staged_content})
