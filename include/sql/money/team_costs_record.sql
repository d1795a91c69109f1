-- Make what is recorded of a connection's dates that are due equal to marts.allocated_cost; how many rows that wrote or
-- removed. One statement, so that what it takes from the queue, reads and records is of one instant. Where rules alone
-- moved the cost of a date, that is a restatement.
WITH due AS (
    DELETE FROM ops.team_cost_due WHERE connection_id = %(connection_id)s RETURNING *
), dates AS MATERIALIZED (
    SELECT
        usage_date, bool_or(cause = 'owner') AND NOT bool_or(cause = 'bill') AS by_owner,
        (array_agg(change_id ORDER BY due_id DESC) FILTER (WHERE cause = 'owner'))[1] AS change_id
    FROM due
    GROUP BY usage_date
), said AS MATERIALIZED (
    SELECT cost.*
    FROM ledger.team_cost AS cost
    JOIN dates USING (usage_date)
    WHERE cost.connection_id = %(connection_id)s
), shared AS MATERIALIZED (
    SELECT own.*
    FROM dates
    JOIN marts.allocated_cost AS own USING (usage_date)
    WHERE own.connection_id = %(connection_id)s
), now AS MATERIALIZED (
    SELECT
        connection_id, usage_date, currency, team, app, method, min(provider) AS provider, sum(amount) AS amount,
        bool_and(settled) AS settled
    FROM shared
    GROUP BY connection_id, usage_date, currency, team, app, method
), gone AS (
    DELETE FROM ledger.team_cost AS cost
    USING said
    WHERE (cost.connection_id, cost.usage_date, cost.currency, cost.team, cost.app, cost.method)
        = (said.connection_id, said.usage_date, said.currency, said.team, said.app, said.method)
        AND NOT EXISTS (
            SELECT FROM now
            WHERE (now.usage_date, now.currency, now.team, now.app, now.method)
                = (said.usage_date, said.currency, said.team, said.app, said.method)
        )
    RETURNING cost.usage_date
), written AS (
    INSERT INTO ledger.team_cost AS cost
        (connection_id, usage_date, currency, team, app, method, provider, amount, settled)
    SELECT connection_id, usage_date, currency, team, app, method, provider, amount, settled FROM now
    ON CONFLICT (connection_id, usage_date, currency, team, app, method) DO UPDATE SET
        provider = EXCLUDED.provider, amount = EXCLUDED.amount, settled = EXCLUDED.settled
    WHERE (cost.provider, cost.amount, cost.settled)
        IS DISTINCT FROM (EXCLUDED.provider, EXCLUDED.amount, EXCLUDED.settled)
    RETURNING cost.usage_date
), restated AS (
    INSERT INTO ops.restatement (connection_id, report, usage_date, table_name, row_key, dimensions, meter, old, new,
        new_load_id, cause, detected_at, breakdown)
    SELECT
        %(connection_id)s, bill.report, usage_date, 'daily_cost_by_team',
        md5('owner/' || jsonb_build_array(currency, team, app)::text)::uuid,
        jsonb_build_object('currency', currency, 'team', team, 'app', app), 'amount', before.amount, later.amount,
        dates.change_id, 'owner', clock_timestamp(), 'team'
    FROM (SELECT usage_date, currency, team, app, sum(amount) AS amount FROM said GROUP BY 1, 2, 3, 4) AS before
    FULL JOIN (SELECT usage_date, currency, team, app, sum(amount) AS amount FROM now GROUP BY 1, 2, 3, 4) AS later
        USING (usage_date, currency, team, app)
    JOIN dates USING (usage_date)
    JOIN (  -- the report of the bill; '' where there are several
        SELECT usage_date, CASE WHEN min(report) = max(report) THEN min(report) ELSE '' END AS report
        FROM shared
        GROUP BY usage_date
    ) AS bill USING (usage_date)
    WHERE dates.by_owner AND before.amount IS DISTINCT FROM later.amount
)
SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM written)
