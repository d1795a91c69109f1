-- When an asset event about the load was emitted; null until then.
ALTER TABLE ops.load ADD COLUMN announced_at timestamptz
