-- The lines of one billing period, in the contract's columns.
SELECT {columns}
FROM {table}
WHERE "BillingPeriodStart" = %(month)s::timestamp AT TIME ZONE 'UTC'
ORDER BY "x_ConnectionId", "x_Report", "x_UsageDate", "x_RowKey", "x_Part"
