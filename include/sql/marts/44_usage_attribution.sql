-- Who used what: one row per connection, usage date, kind of use, owner, project, key, user, model and region. Records
-- only, so that the rows of a date add up to what was metered exactly; null where no row of them meters it.
-- connection_id: The connection that fetched the rows.
-- provider: The vendor.
-- usage_date: The local date of the bucket, in the report's day zone.
-- usage_type: What kind of use, in our words, such as serverless, embedding or storage.
-- team: Who owns it on that date, by marts.owners; '' where nobody does.
-- team_name: The same, `(no team)` where nobody does.
-- app: For which of the team's applications; '' where the rule does not say it.
-- cost_center: The team's cost center.
-- project_id: The vendor's id of the project or workspace; '' where the provider named none.
-- project_name: Its name on that date: `(no project)` without an id, `(unnamed)` where no name is known.
-- api_key_id: The API key's id; '' where the provider named none.
-- api_key_name: Its name on that date: `(no key)` without an id, `(unnamed)` where no name is known.
-- user_id: The vendor's id of the user; '' where the provider named none.
-- user_name: The name on that date: `(no user)` without an id, `(unnamed)` where no name is known.
-- model: The model, as the provider reported it; '' where it named none.
-- model_name: Its name where the provider lists one, else the same; `(no model)` where the provider named none.
-- region: Where it ran; '' where the provider does not say it.
-- region_name: The same; `(no region)` where the provider does not say it.
-- requests: Requests, or things that were run. Null when no row metered it.
-- input_tokens: All input tokens, cached ones included. Null when no row metered it.
-- cached_input_tokens: The part of the input read from the cache. Null when no row metered it.
-- output_tokens: Output tokens. Null when no row metered it.
-- settled: True when the provider's figures for the date are no longer re-read.
CREATE VIEW marts.usage_attribution AS
WITH rule AS MATERIALIZED (  -- each thing's rules in one row, so that no join makes two rows of one
    SELECT
        kind, id,
        array_agg(ROW (connection_id, team, app, cost_center, valid_from, valid_to, place, rule_id)) AS rules
    FROM marts.owners
    GROUP BY kind, id
)
SELECT
    own.connection_id, own.provider, own.usage_date, own.usage_type, own.team,
    coalesce(nullif(own.team, ''), '(no team)') AS team_name, own.app, own.cost_center, own.project_id,
    CASE own.project_id WHEN '' THEN '(no project)' ELSE coalesce(project.name, '(unnamed)') END AS project_name,
    own.api_key_id,
    CASE own.api_key_id WHEN '' THEN '(no key)' ELSE coalesce(api_key.name, '(unnamed)') END AS api_key_name,
    own.user_id,
    CASE own.user_id WHEN '' THEN '(no user)' ELSE coalesce(person.name, '(unnamed)') END AS user_name,
    own.model, coalesce(model.name, nullif(own.model, ''), '(no model)') AS model_name, own.region,
    coalesce(nullif(own.region, ''), '(no region)') AS region_name, own.requests, own.input_tokens,
    own.cached_input_tokens, own.output_tokens, own.settled
FROM (
    SELECT
        used.connection_id, used.provider, used.usage_date, used.usage_type, coalesce(owner.team, '') AS team,
        coalesce(owner.app, '') AS app, coalesce(owner.cost_center, '') AS cost_center, used.project_id,
        used.api_key_id, used.user_id, used.model, used.region, sum(used.requests) AS requests,
        sum(used.input_tokens) AS input_tokens, sum(used.cached_input_tokens) AS cached_input_tokens,
        sum(used.output_tokens) AS output_tokens, bool_and(used.settled) AS settled
    FROM marts.daily_usage AS used
    LEFT JOIN rule AS of_deployment ON of_deployment.kind = 'deployment' AND of_deployment.id = used.deployment
    LEFT JOIN rule AS of_key ON of_key.kind = 'api_key' AND of_key.id = used.api_key_id
    LEFT JOIN rule AS of_user ON of_user.kind = 'user' AND of_user.id = used.user_id
    LEFT JOIN rule AS of_project ON of_project.kind = 'project' AND of_project.id = used.project_id
    LEFT JOIN rule AS of_tag ON of_tag.kind = 'tag_team' AND of_tag.id = used.tag_team
    LEFT JOIN rule AS of_all ON of_all.kind = 'connection' AND of_all.id = used.connection_id
    LEFT JOIN LATERAL (
        SELECT team, app, cost_center
        FROM unnest(
            of_deployment.rules || of_key.rules || of_user.rules || of_project.rules || of_tag.rules || of_all.rules
        ) AS may (
            connection_id text, team text, app text, cost_center text, valid_from date, valid_to date, place integer,
            rule_id text
        )
        WHERE may.connection_id IN ('', used.connection_id) AND used.usage_date >= may.valid_from
            AND used.usage_date < may.valid_to
        ORDER BY place, may.connection_id = '', rule_id
        LIMIT 1
    ) AS owner ON true
    GROUP BY
        used.connection_id, used.provider, used.usage_date, used.usage_type, owner.team, owner.app, owner.cost_center,
        used.project_id, used.api_key_id, used.user_id, used.model, used.region
) AS own
LEFT JOIN marts.names AS project ON project.connection_id = own.connection_id AND project.kind = 'project'
    AND project.id = own.project_id AND own.usage_date >= project.valid_from AND own.usage_date < project.valid_to
LEFT JOIN marts.names AS api_key ON api_key.connection_id = own.connection_id AND api_key.kind = 'api_key'
    AND api_key.id = own.api_key_id AND own.usage_date >= api_key.valid_from AND own.usage_date < api_key.valid_to
LEFT JOIN marts.names AS person ON person.connection_id = own.connection_id AND person.kind = 'user'
    AND person.id = own.user_id AND own.usage_date >= person.valid_from AND own.usage_date < person.valid_to
LEFT JOIN marts.names AS model ON model.connection_id = own.connection_id AND model.kind = 'model'
    AND model.id = own.model AND own.usage_date >= model.valid_from AND own.usage_date < model.valid_to
