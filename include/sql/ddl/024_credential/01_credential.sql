-- Which key each connection asks with, and since when. `tag` is a keyed hash of the whole key, `deployment` one of the
-- deployment's own key that it was made with: tags of two deployments cannot be compared.
CREATE TABLE ops.credential (
    connection_id text COLLATE "C" NOT NULL,
    deployment text COLLATE "C" NOT NULL CHECK (deployment ~ '^[0-9a-f]{16}$'),
    tag text COLLATE "C" NOT NULL CHECK (tag ~ '^[0-9a-f]{16}$'),
    first_used_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connection_id, deployment, tag)
)
