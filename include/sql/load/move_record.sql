-- Rows that yield to this report: another cut where it has rows of their date and usage type, else the record again.
UPDATE {table} AS yielding
SET breakdown = CASE yielding.breakdown WHEN '' THEN yielding.report ELSE '' END
WHERE connection_id = %(connection_id)s AND report = ANY(%(yielding)s) AND usage_date = ANY(%(dates)s)
    AND breakdown IN ('', report)
    AND (breakdown = '') = EXISTS (
        SELECT FROM {table} AS preferred
        WHERE preferred.connection_id = %(connection_id)s AND preferred.report = %(report)s
            AND preferred.usage_date = yielding.usage_date AND preferred.usage_type = yielding.usage_type
            AND preferred.breakdown = ''
    )
