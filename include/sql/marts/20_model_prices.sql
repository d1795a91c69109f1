-- The prices that the book holds for each model of the ledger: one row per model and interval. A price applies by its
-- model's exact id, by its family, or by a prefix; who needs one price takes the lowest rank, then the highest precision.
-- Prices of no model, and of accelerators, are rows too: their model is '', or the accelerator's type.
-- provider: The vendor.
-- connection_id: The connection whose contract it is; '' for every connection.
-- model: The model's id as in the facts; '' for what is sold without a model; the accelerator for accelerator_seconds.
-- model_in_book: The id or prefix under which the book holds the price.
-- meter: What is priced, in the words of docs/reconciliation.md.
-- service_tier: The class of service: standard, batch, priority, flex, or the vendor's own.
-- context_from: The price holds for requests of more input tokens than this; 0 for all.
-- region: Where it holds; '' for everywhere.
-- host: Whose serving it is for; '' for any.
-- currency: ISO 4217 code of the price.
-- price: The price of one unit of the meter, exact.
-- valid_from: The first date.
-- valid_to: The date after the last; infinity while it holds.
-- rank: 1 contract, 2 the vendor's list, 3 the bill, 4 and 5 public catalogues.
-- precision: 2 exact id; 1 to 2 family, shortest id first; 0 to 1 prefix, longest first; 2 more for one connection.
-- origin: contract, list, bill or catalogue.
-- source: The file, list or catalogue.
CREATE VIEW marts.model_prices AS
WITH current_price AS MATERIALIZED (
    SELECT * FROM ledger.price WHERE superseded_at IS NULL
), book AS MATERIALIZED (
    SELECT DISTINCT provider, model, family FROM current_price
), named AS MATERIALIZED (
    SELECT provider, model, family FROM ledger.model
    UNION
    SELECT provider, model, model FROM current_price WHERE model = '' OR meter = 'accelerator_seconds'
), fit AS MATERIALIZED (
    SELECT named.provider, named.model, book.model AS model_in_book, 2.0 AS precision
    FROM named JOIN book ON book.provider = named.provider AND book.model = named.model
    UNION ALL
    SELECT named.provider, named.model, book.model, 1 + round(1.0 / (2 + length(book.model)), 4)
    FROM named JOIN book ON book.provider = named.provider AND book.family = named.family AND book.model <> named.model
    WHERE named.family <> '' AND right(book.model, 1) <> '%'
    UNION ALL
    SELECT named.provider, named.model, prefix.model, round(length(prefix.model) / 1000.0, 4)
    FROM named
    JOIN (SELECT provider, model, left(model, -1) AS start FROM book WHERE right(model, 1) = '%') AS prefix
        ON prefix.provider = named.provider AND starts_with(named.model, prefix.start)
)
SELECT
    fit.provider, price.connection_id, fit.model, fit.model_in_book, serves.meter, price.service_tier,
    price.context_from, price.region, price.host, price.currency, price.amount / price.per AS price, price.valid_from,
    price.valid_to, price.rank, fit.precision + CASE price.connection_id WHEN '' THEN 0 ELSE 2 END - serves.less AS precision, price.origin, price.source
FROM fit
JOIN current_price AS price ON price.provider = fit.provider AND price.model = fit.model_in_book
-- Where no cached input is told apart, all input is sold at the price of uncached input.
CROSS JOIN LATERAL (
    SELECT price.meter, 0 AS less
    UNION ALL
    SELECT CASE price.meter WHEN 'input_tokens' THEN 'uncached_input_tokens' ELSE 'input_tokens' END, 0.00001
    WHERE price.meter IN ('input_tokens', 'uncached_input_tokens')
) AS serves
