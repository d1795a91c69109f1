-- What the vendor refuses an account. `lesser_form`: the question that is asked instead of the full one, 0 for the full
-- one; `absent`: the account does not have the report. Both count for a week from `refused_at`.
ALTER TABLE ops.connection_report
ADD COLUMN lesser_form smallint NOT NULL DEFAULT 0,
ADD COLUMN absent boolean NOT NULL DEFAULT false,
ADD COLUMN refused_at timestamptz
