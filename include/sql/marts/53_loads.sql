-- Every attempt to bring a window of a report into the warehouse: one row per attempt, of retired connections too.
-- load_id: The attempt.
-- connection_id: The connection.
-- provider: The vendor; null where the connection was never registered.
-- report: The endpoint that was asked.
-- first_date: The first date of the window.
-- last_date: The last date of the window, included.
-- state: extracting, landed, transformed or validated (under way, or broken off), loaded, held (a date keeps its earlier figures), superseded (the ledger had a newer answer) or failed.
-- run_id: The run that made it: of Airflow, or `command__` and an instant for `usage-ledger run`.
-- fetched_at: When the first page was asked for; null where no answer came.
-- started_at: When the attempt began.
-- ended_at: When it ended; null while it is under way.
-- row_count: How many rows came; null where none were read.
-- changed_rows: How many rows of dates loaded before came with other figures: marts.restatements says which; null where the attempt brought nothing into the ledger.
-- error_class: What kind of error ended it, or left dates out; null where there was none.
-- error_message: What the error says, with the next step; null where there was none.
CREATE VIEW marts.loads AS
SELECT
    load.load_id, load.connection_id, connection.provider, load.report, load.window_from AS first_date,
    load.window_to - 1 AS last_date, load.state, load.run_id, load.fetched_at, load.started_at, load.ended_at,
    load.row_count,
    CASE WHEN load.state IN ('loaded', 'held') THEN (
        SELECT count(DISTINCT (moved.usage_date, moved.table_name, moved.row_key))
        FROM ops.restatement AS moved
        WHERE moved.connection_id = load.connection_id AND moved.report = load.report
            AND moved.usage_date >= load.window_from AND moved.usage_date < load.window_to
            AND moved.new_load_id = load.load_id
    ) END AS changed_rows,
    load.error_class, load.error_message
FROM ops.load AS load
LEFT JOIN ops.connection AS connection ON connection.connection_id = load.connection_id
