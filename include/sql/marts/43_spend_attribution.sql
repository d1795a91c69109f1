-- Who spent what: one row per connection, usage date, currency, owner, project, key, user, model, region, class of charge
-- and method. The rows of a date add up to its bill exactly. Never add different currencies.
-- Amounts are marts.allocated_cost's: a line that names no key is shared by what each key used.
-- connection_id: The connection that fetched the bill.
-- provider: The vendor.
-- usage_date: The local date of the bucket, in the report's day zone.
-- currency: ISO 4217 code of the amount.
-- team: Who owns it on that date; '' where nobody does.
-- team_name: The same, `(no team)` where nobody does.
-- app: For which of the team's applications; '' where the rule does not say it.
-- cost_center: The team's cost center.
-- project_id: The vendor's id of the project or workspace; '' where neither the line nor the use names one.
-- project_name: Its name on that date: `(no project)` without an id, `(unnamed)` where no name is known.
-- api_key_id: The API key's id; '' where neither the line nor the use names one.
-- api_key_name: Its name on that date: `(no key)` without an id, `(unnamed)` where no name is known.
-- user_id: The vendor's id of the user; '' where neither the line nor the use names one.
-- user_name: The name on that date: `(no user)` without an id, `(unnamed)` where no name is known.
-- model: The model that the line is for, as the bill spells it; '' where it names none.
-- model_name: Its name where the provider lists one, else the same; `(no model)` where the line names none.
-- region: Where it ran; '' where the line does not say it.
-- region_name: The same; `(no region)` where the line does not say it.
-- charge_category: FOCUS word for the class of charge: Usage, Purchase, Credit, Tax or Adjustment.
-- method: How the amount came to its owner, as in marts.allocated_cost.
-- amount: The cost, signed and exact, in `currency`.
-- settled: True when the provider's figures for the date are no longer re-read.
CREATE VIEW marts.spend_attribution AS
SELECT
    own.connection_id, own.provider, own.usage_date, own.currency, own.team,
    coalesce(nullif(own.team, ''), '(no team)') AS team_name, own.app, own.cost_center, own.project_id,
    CASE own.project_id WHEN '' THEN '(no project)' ELSE coalesce(project.name, '(unnamed)') END AS project_name,
    own.api_key_id,
    CASE own.api_key_id WHEN '' THEN '(no key)' ELSE coalesce(api_key.name, '(unnamed)') END AS api_key_name,
    own.user_id,
    CASE own.user_id WHEN '' THEN '(no user)' ELSE coalesce(person.name, '(unnamed)') END AS user_name,
    own.model, coalesce(model.name, nullif(own.model, ''), '(no model)') AS model_name, own.region,
    coalesce(nullif(own.region, ''), '(no region)') AS region_name, own.charge_category, own.method, own.amount,
    own.settled
FROM (
    SELECT
        part.connection_id, part.provider, part.usage_date, part.currency, part.team, part.app, part.cost_center,
        part.project_id, part.api_key_id, part.user_id, line.model, line.region, line.charge_category, part.method,
        trim_scale(sum(part.amount)) AS amount, bool_and(part.settled) AS settled
    FROM marts.allocated_cost AS part
    CROSS JOIN LATERAL (  -- a line at a time, so that a question about some dates reads no others
        SELECT model, region, charge_category
        FROM ledger.cost_daily
        WHERE connection_id = part.connection_id AND report = part.report AND usage_date = part.usage_date
            AND row_key = part.row_key
        LIMIT 1
    ) AS line
    GROUP BY
        part.connection_id, part.provider, part.usage_date, part.currency, part.team, part.app, part.cost_center,
        part.project_id, part.api_key_id, part.user_id, line.model, line.region, line.charge_category, part.method
) AS own
LEFT JOIN marts.names AS project ON project.connection_id = own.connection_id AND project.kind = 'project'
    AND project.id = own.project_id AND own.usage_date >= project.valid_from AND own.usage_date < project.valid_to
LEFT JOIN marts.names AS api_key ON api_key.connection_id = own.connection_id AND api_key.kind = 'api_key'
    AND api_key.id = own.api_key_id AND own.usage_date >= api_key.valid_from AND own.usage_date < api_key.valid_to
LEFT JOIN marts.names AS person ON person.connection_id = own.connection_id AND person.kind = 'user'
    AND person.id = own.user_id AND own.usage_date >= person.valid_from AND own.usage_date < person.valid_to
LEFT JOIN marts.names AS model ON model.connection_id = own.connection_id AND model.kind = 'model'
    AND model.id = own.model AND own.usage_date >= model.valid_from AND own.usage_date < model.valid_to
