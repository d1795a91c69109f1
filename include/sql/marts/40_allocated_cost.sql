-- Every bill line's amount by owner: one row per line and part of it. The parts of a line add up to its amount exactly;
-- what rounding to 18 places leaves goes to the largest part.
-- connection_id: The connection that fetched the line.
-- provider: The vendor.
-- report: The endpoint it came from.
-- usage_date: The local date of the bucket, in the report's day zone.
-- row_key: Identifies the line within connection, report and date.
-- currency: ISO 4217 code of the amount.
-- team: Who owns the part on that date; '' where nobody does.
-- app: For which of the team's applications; '' where the rule does not say it.
-- cost_center: The team's cost center.
-- api_key_id: The API key's id, where the line or the use that it charges for names one.
-- rule_id: The rule that owns the part; '' where none does.
-- method: provider: the line names what the rule owns; metered share: in proportion to what was metered; share of the day: in proportion to the day's other charges; connection: by the rule of the connection; no owner: no rule owns what it names; unallocated: nothing says whose it is.
-- amount: The part, signed and exact.
-- settled: True when the provider's figures for the date are no longer re-read.
CREATE VIEW marts.allocated_cost AS
WITH part AS MATERIALIZED (
    SELECT
        lines.connection_id, lines.provider, lines.report, lines.usage_date, lines.row_key, lines.currency, lines.amount,
        lines.deployment, lines.api_key_id, lines.user_id, lines.project_id, '' AS tag_team, lines.settled
    FROM marts.bill_lines AS lines
), owner AS (
    SELECT DISTINCT ON (
        dated.connection_id, dated.usage_date, dated.deployment, dated.api_key_id, dated.user_id, dated.project_id,
        dated.tag_team
    ) dated.*, owners.team, owners.app, owners.cost_center, owners.rule_id, owners.place
    FROM (
        SELECT DISTINCT connection_id, usage_date, deployment, api_key_id, user_id, project_id, tag_team FROM part
    ) AS dated
    CROSS JOIN LATERAL (VALUES
        ('deployment', dated.deployment), ('api_key', dated.api_key_id), ('user', dated.user_id),
        ('project', dated.project_id), ('tag_team', dated.tag_team), ('connection', dated.connection_id)
    ) AS thing (kind, id)
    JOIN marts.owners AS owners ON owners.kind = thing.kind AND owners.id = thing.id
        AND owners.connection_id IN ('', dated.connection_id)
        AND owners.valid_from <= dated.usage_date AND dated.usage_date < owners.valid_to
    ORDER BY
        dated.connection_id, dated.usage_date, dated.deployment, dated.api_key_id, dated.user_id, dated.project_id,
        dated.tag_team, owners.place, owners.connection_id DESC, owners.rule_id
)
SELECT
    part.connection_id, part.provider, part.report, part.usage_date, part.row_key, part.currency,
    coalesce(owner.team, '') AS team, coalesce(owner.app, '') AS app, coalesce(owner.cost_center, '') AS cost_center,
    part.api_key_id, coalesce(owner.rule_id, '') AS rule_id,
    CASE
        WHEN owner.place = 6 THEN 'connection'
        WHEN owner.place IS NOT NULL THEN 'provider'
        WHEN concat(part.deployment, part.api_key_id, part.user_id, part.project_id) <> '' THEN 'no owner'
        ELSE 'unallocated'
    END AS method,
    part.amount, part.settled
FROM part
LEFT JOIN owner USING (connection_id, usage_date, deployment, api_key_id, user_id, project_id, tag_team)
