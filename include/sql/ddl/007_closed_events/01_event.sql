-- An event is open until the load that mends it is in.
ALTER TABLE ops.event ADD COLUMN closed_at timestamptz, ADD COLUMN closed_by uuid
