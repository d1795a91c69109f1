-- The exact median: the middle number, or the half of the sum of the two in the middle; null of none.
CREATE FUNCTION ledger.median(numbers numeric[]) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN (
    SELECT avg(number)
    FROM (
        SELECT number, row_number() OVER (ORDER BY number) AS place, count(*) OVER () AS size
        FROM unnest(numbers) AS number
        WHERE number IS NOT NULL
    ) AS sorted
    WHERE place IN ((size + 1) / 2, size / 2 + 1)
)
