INSERT INTO ledger.team (team, cost_center, notify, source_commit, change_id, recorded_at)
SELECT team, cost_center, notify, %(source_commit)s, %(change_id)s, %(at)s
FROM jsonb_to_recordset(%(rows)s) AS new_team (team text, cost_center text, notify text[])
