-- The dates of which team costs are to be recorded, written by the transaction that makes them due. A date may be in it
-- more than once: writers never wait for each other, and what comes while a date is recorded stays. `bill`: lines of
-- the bill were written or removed, so that what was recorded no longer adds up to it; `read`: something that the
-- shares depend on may be another; `owner`: a rule was changed by `change_id`.
CREATE TABLE ops.team_cost_due (
    due_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection_id text COLLATE "C" NOT NULL,
    usage_date date NOT NULL,
    cause text NOT NULL CHECK (cause IN ('bill', 'read', 'owner')),
    change_id uuid
)
