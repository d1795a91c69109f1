-- The dates whose cost a change of owners moved.
SELECT DISTINCT usage_date FROM ops.restatement
WHERE new_load_id = %(change_id)s AND cause = 'owner'
ORDER BY usage_date
