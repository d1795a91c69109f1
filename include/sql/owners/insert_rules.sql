INSERT INTO ledger.owner_rule (
    rule_id, connection_id, kind, id, team, app, valid_from, valid_to, source_commit, change_id, recorded_at
)
SELECT rule_id, connection_id, kind, id, team, app, valid_from, valid_to, %(source_commit)s, %(change_id)s, %(at)s
FROM jsonb_to_recordset(%(rows)s) AS new_rule (
    rule_id text, connection_id text, kind text, id text, team text, app text, valid_from date, valid_to date
)
