-- The full question of a report was answered.
UPDATE ops.connection_report
SET lesser_form = 0, absent = false, refused_at = NULL
WHERE connection_id = %(connection_id)s AND report = %(report)s AND refused_at IS NOT NULL
