CREATE INDEX team_cost_by_month ON ledger.team_cost ((date_trunc('month', usage_date::timestamp)::date))
