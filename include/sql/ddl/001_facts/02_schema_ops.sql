-- How the facts came about: every load, every date, every later change.
CREATE SCHEMA IF NOT EXISTS ops
