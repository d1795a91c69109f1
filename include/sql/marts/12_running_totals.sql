-- A vendor's running totals next to the rows that must explain them: one row per snapshot of a total. The newest
-- snapshots have no comparison until the usage of their date is loaded.
-- connection_id: The connection.
-- report: The snapshot that the total is in.
-- field: The total's place in the answer.
-- fetched_at: When the snapshot was asked for.
-- total: What the vendor said, since the account exists.
-- of_report: The report whose amounts of the record must explain the growth.
-- since: The earlier snapshot that it was compared with; null when it could not be compared.
-- growth: By how much the total grew since then.
-- lowest: What the rows of the whole days between the two add up to.
-- highest: The same with the days that the two snapshots lie in, whose use is partly outside.
-- difference: What of the growth no row explains; negative for rows that the total lacks. 0 when it lies between lowest and highest.
CREATE VIEW marts.running_totals AS
SELECT
    connection_id, report, field, fetched_at, total, of_report, since, growth, lowest, highest,
    CASE WHEN growth > highest THEN growth - highest WHEN growth < lowest THEN growth - lowest WHEN growth IS NOT NULL THEN 0
    END AS difference
FROM ops.running_total
