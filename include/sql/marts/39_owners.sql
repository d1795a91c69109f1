-- Who owns what, and since when: one row per rule that holds, and one per API key of a user whom a rule owns.
-- connection_id: The connection that it holds for; '' is any.
-- kind: deployment, api_key, user, project, tag_team or connection.
-- id: The vendor's id of it; the tag's value; the connection's id.
-- team: Who owns it.
-- app: For which of the team's applications; '' where the rule does not say it.
-- cost_center: The team's cost center.
-- valid_from: The first date.
-- valid_to: The date after the last one.
-- place: Of several that hold on a date the lowest counts, and of equal ones that of the connection.
-- rule_id: The rule; the same rule has the same id whenever it is loaded.
-- source_commit: The Git revision of the file that says so first, or the hash of its content.
CREATE VIEW marts.owners AS
WITH rule AS (
    SELECT
        owner_rule.connection_id, owner_rule.kind, owner_rule.id, owner_rule.team, owner_rule.app, team.cost_center,
        owner_rule.valid_from, owner_rule.valid_to, owner_rule.rule_id, owner_rule.source_commit
    FROM ledger.owner_rule AS owner_rule
    LEFT JOIN ledger.team AS team ON team.team = owner_rule.team AND team.superseded_at IS NULL
    WHERE owner_rule.superseded_at IS NULL
)
SELECT
    connection_id, kind, id, team, app, coalesce(cost_center, '') AS cost_center, valid_from, valid_to,
    array_position(ARRAY['deployment', 'api_key', 'user', 'project', 'tag_team', 'connection'], kind) AS place,
    rule_id, source_commit
FROM rule
UNION ALL
SELECT
    named.connection_id, 'api_key', named.id, rule.team, rule.app, coalesce(rule.cost_center, ''),
    greatest(rule.valid_from, named.valid_from), least(rule.valid_to, named.valid_to), 3, rule.rule_id,
    rule.source_commit
FROM (
    SELECT
        connection_id, id, owner_id, coalesce(valid_to, 'infinity') AS valid_to,
        -- Whose a key was before it was first listed, nobody says: the first owner's.
        CASE WHEN lag(valid_from) OVER earlier IS NULL THEN '-infinity' ELSE valid_from END AS valid_from
    FROM ledger.name
    WHERE kind = 'api_key'
    WINDOW earlier AS (PARTITION BY connection_id, id ORDER BY valid_from)
) AS named
JOIN rule ON rule.kind = 'user' AND rule.id = named.owner_id AND rule.connection_id IN ('', named.connection_id)
    AND rule.valid_from < named.valid_to AND named.valid_from < rule.valid_to
