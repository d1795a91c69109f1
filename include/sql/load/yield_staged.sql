-- Staged rows are another cut where the ledger has rows of the report that they yield to.
UPDATE {stage} AS staged
SET breakdown = %(report)s
WHERE breakdown = ''
    AND EXISTS (
        SELECT FROM {table} AS preferred
        WHERE preferred.connection_id = %(connection_id)s AND preferred.report = %(yields_to)s
            AND preferred.usage_date = staged.usage_date AND preferred.usage_type = staged.usage_type
            AND preferred.breakdown = ''
    )
