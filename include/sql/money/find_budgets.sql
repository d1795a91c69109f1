-- Budgets of this month and the last that have crossed, are forecast to, have reached a share to warn at, or have
-- spending in another currency.
SELECT
    status.name, status.month AS period, finding.level, status.currency, finding.figure, status.amount AS expected,
    format('budget %%s of %%s %%s (%%s): %%s', status.name, trim_scale(round(status.amount, 2)), status.currency,
        to_char(status.month, 'YYYY-MM'), finding.message) AS message,
    CASE finding.level WHEN 'other currency' THEN 'add a budget of that currency'
        ELSE 'see marts.daily_cost_by_team for what it was spent on' END AS next_step,
    CASE WHEN budget.notify <> '{}' THEN budget.notify ELSE coalesce(team.notify, '{}') END AS notify
FROM marts.budget_status AS status
JOIN ledger.budget AS budget ON budget.name = status.name AND budget.superseded_at IS NULL
LEFT JOIN ledger.team AS team ON team.team = status.team AND team.superseded_at IS NULL
CROSS JOIN LATERAL (VALUES
    (
        trim_scale(
            CASE WHEN status.state = 'crossed' THEN greatest(status.warned_at, 100) ELSE status.warned_at END)::text, status.spent,
        format('%%s %%s are spent, %%s %%%%', trim_scale(round(status.spent, 2)), status.currency, trim_scale(round(status.share, 1)))
            || CASE WHEN status.state = 'crossed' THEN format('; crossed on %%s', status.crosses_on) ELSE '' END
    ),
    (
        CASE WHEN status.state <> 'crossed' AND budget.forecast AND status.forecast >= status.amount THEN 'forecast' END,
        status.forecast,
        format('%%s %%s are forecast; it will be crossed on %%s', trim_scale(round(status.forecast, 2)), status.currency,
            status.crosses_on)
    ),
    (
        CASE WHEN status.other_currencies IS NOT NULL THEN 'other currency' END, NULL,
        format('it does not count what was spent in other currencies: %%s', status.other_currencies)
    )
) AS finding (level, figure, message)
WHERE finding.level IS NOT NULL AND status.month >= date_trunc('month', %(today)s::date::timestamp) - interval '1 month'
