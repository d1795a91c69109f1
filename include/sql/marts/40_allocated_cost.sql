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
-- deployment: The dedicated deployment, where the line or the use that it charges for names one; '' elsewhere.
-- api_key_id: The API key's id, likewise.
-- user_id: The vendor's id of the user, likewise.
-- project_id: The vendor's id of the project or workspace, likewise.
-- tag_team: Custom tag `team` of the use, likewise.
-- rule_id: The rule that owns the part; '' where none does.
-- method: provider: the line names what the rule owns; metered share: in proportion to what was metered; share of the day: in proportion to the day's other charges; connection: by the rule of the connection; no owner: no rule owns what it names; unallocated: nothing says whose it is.
-- amount: The part, signed and exact.
-- settled: True when the provider's figures for the date are no longer re-read.
CREATE VIEW marts.allocated_cost AS
SELECT
    day.connection_id, own.provider, own.report, day.usage_date, own.row_key, own.currency, own.team, own.app,
    own.cost_center, own.deployment, own.api_key_id, own.user_id, own.project_id, own.tag_team, own.rule_id, own.method,
    own.amount, own.settled
FROM (SELECT DISTINCT connection_id, usage_date FROM ledger.cost_daily WHERE breakdown = '') AS day
CROSS JOIN LATERAL (  -- a day at a time, so that a question about some days reads no others
    WITH part AS MATERIALIZED (
        SELECT *, charge_category = 'Usage' AS of_use
        FROM marts.bill_parts
        WHERE connection_id = day.connection_id AND usage_date = day.usage_date
    ), owner AS (
        SELECT DISTINCT ON (deployment, api_key_id, user_id, project_id, tag_team)
            named.*, owners.team, owners.app, owners.cost_center, owners.rule_id, owners.place
        FROM (SELECT DISTINCT deployment, api_key_id, user_id, project_id, tag_team FROM part) AS named
        CROSS JOIN LATERAL (VALUES
            ('deployment', named.deployment), ('api_key', named.api_key_id), ('user', named.user_id),
            ('project', named.project_id), ('tag_team', named.tag_team), ('connection', day.connection_id)
        ) AS thing (kind, id)
        JOIN marts.owners AS owners ON owners.kind = thing.kind AND owners.id = thing.id
            AND owners.connection_id IN ('', day.connection_id)
            AND owners.valid_from <= day.usage_date AND day.usage_date < owners.valid_to
        ORDER BY
            deployment, api_key_id, user_id, project_id, tag_team, place, owners.connection_id = '', rule_id
    ), shared AS (
        SELECT
            part.*, owner.team, owner.app, owner.cost_center, owner.rule_id,
            CASE
                WHEN owner.place = 6 THEN 'connection'
                WHEN part.names[owner.place] THEN 'provider'
                WHEN owner.place IS NOT NULL THEN 'metered share'
                WHEN concat(part.deployment, part.api_key_id, part.user_id, part.project_id, part.tag_team) <> ''
                    THEN 'no owner'
                ELSE 'unallocated'
            END AS method,
            round(part.amount * part.quantity / sum(part.quantity) OVER line, 18) AS share,
            row_number() OVER (
                line ORDER BY part.quantity DESC, part.api_key_id, part.deployment, part.user_id, part.project_id,
                part.tag_team
            ) = 1 AS largest
        FROM part
        LEFT JOIN owner USING (deployment, api_key_id, user_id, project_id, tag_team)
        WINDOW line AS (PARTITION BY part.report, part.row_key)
    ), owned AS MATERIALIZED (
        SELECT
            provider, report, row_key, currency, of_use, deployment, api_key_id, user_id, project_id, tag_team, settled,
            coalesce(team, '') AS team, coalesce(app, '') AS app, coalesce(cost_center, '') AS cost_center,
            coalesce(rule_id, '') AS rule_id, method, NOT of_use AND rule_id IS NULL AS of_all,
            CASE WHEN largest THEN amount - sum(share) OVER line + share ELSE share END AS amount
        FROM shared
        WINDOW line AS (PARTITION BY report, row_key)
    ), charged AS (  -- what credits, taxes and the like that nobody owns are shared by
        SELECT currency, project_id, team, app, cost_center, rule_id, method, sum(amount) AS charged
        FROM owned
        WHERE of_use
        GROUP BY currency, project_id, team, app, cost_center, rule_id, method
        HAVING sum(amount) > 0
    ), spread AS (
        SELECT
            owned.provider, owned.report, owned.row_key, owned.currency, owned.amount, owned.settled, owned.deployment,
            owned.api_key_id, owned.user_id, owned.project_id, owned.tag_team,
            coalesce(charged.team, '') AS team, coalesce(charged.app, '') AS app,
            coalesce(charged.cost_center, '') AS cost_center, coalesce(charged.rule_id, '') AS rule_id,
            CASE WHEN charged.team <> '' THEN 'share of the day' ELSE coalesce(charged.method, owned.method) END
                AS method,
            coalesce(round(owned.amount * charged.charged / sum(charged.charged) OVER line, 18), owned.amount) AS share,
            row_number() OVER (
                line ORDER BY charged.charged DESC, charged.project_id, charged.rule_id, charged.method
            ) = 1 AS largest
        FROM owned
        LEFT JOIN charged ON charged.currency = owned.currency AND owned.project_id IN ('', charged.project_id)
        WHERE owned.of_all
        WINDOW line AS (PARTITION BY owned.report, owned.row_key)
    )
    SELECT
        provider, report, row_key, currency, team, app, cost_center, deployment, api_key_id, user_id, project_id,
        tag_team, rule_id, method, amount, settled
    FROM owned
    WHERE NOT of_all
    UNION ALL
    SELECT
        provider, report, row_key, currency, team, app, cost_center, deployment, api_key_id, user_id, project_id,
        tag_team, rule_id, method,
        CASE WHEN largest THEN amount - sum(share) OVER line + share ELSE share END AS amount, settled
    FROM spread
    WINDOW line AS (PARTITION BY report, row_key)
) AS own
