-- What derived prices depend on: the newest load, and the newest change of the book.
SELECT concat_ws(
    ' ', (SELECT max(ended_at) FROM ops.load WHERE state = 'loaded'),
    (SELECT greatest(max(recorded_at), max(superseded_at)) FROM ledger.price WHERE origin <> 'bill')
)
