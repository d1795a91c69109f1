-- What the Dag `usage_alerts` found: one row for each finding of a period, also those that have ended.
-- kind: budget, anomaly, bill_differs, price_conflict or connection, as in docs/budgets.md.
-- name: What it is about: a connection, a team, or a budget.
-- period: The usage date, the first day of the month, or the date on which a state began.
-- level: How far it went, such as warned or crossed.
-- currency: ISO 4217 code of the figures; '' where they are no money.
-- figure: What was found; null where there is no figure.
-- expected: What it is compared with; null where there is nothing.
-- message: What happened, in one sentence.
-- next_step: What to do about it.
-- first_at: When it was found first.
-- sent_at: When somebody was notified; null while nobody was.
-- cleared_at: When it ended; null while it lasts.
CREATE VIEW marts.alerts AS
SELECT
    kind, name, period, level, currency, figure, expected, message, next_step, first_at, sent_at, cleared_at
FROM ops.alert
