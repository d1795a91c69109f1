-- The schema's own state: the numbered steps that were applied, and the hash of the marts.
CREATE TABLE IF NOT EXISTS ops.schema_part (
    part text PRIMARY KEY,
    content text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
