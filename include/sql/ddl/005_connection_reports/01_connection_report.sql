-- How each report of a connection fares. `until` is null while the connection fetches the report; the error is the
-- newest that no load of the report has come through since.
CREATE TABLE ops.connection_report (
    connection_id text COLLATE "C" NOT NULL,
    report text COLLATE "C" NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    until timestamptz,
    last_success_at timestamptz,
    last_error_at timestamptz,
    last_error_class text,
    last_error_message text,
    PRIMARY KEY (connection_id, report)
)
