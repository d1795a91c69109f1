-- The dates on which staged rows of the record take the place of rows of reports that yield to this one.
SELECT DISTINCT usage_date
FROM {table} AS yielding
WHERE connection_id = %(connection_id)s AND report = ANY(%(yielding)s) AND usage_date = ANY(%(dates)s) AND breakdown = ''
    AND EXISTS (
        SELECT FROM {stage} AS staged
        WHERE staged.usage_date = yielding.usage_date AND staged.usage_type = yielding.usage_type AND staged.breakdown = ''
    )
