-- Makes the month's partition of a fact table, if it is missing. It is attached, not created in place, so that
-- readers and other loads go on meanwhile. The lock comes before the look: a new partition can be seen a moment before
-- the server has told every session of it, and the one who made it holds the lock until it has.
CREATE OR REPLACE FUNCTION ops.ensure_month(fact text, month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first date := date_trunc('month', month);
    part text := fact || to_char(first, '"_"YYYY"_"MM');
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('ledger.' || fact, 7424));
    -- Asked of the table itself: to_regclass may answer from before the wait.
    IF EXISTS (SELECT FROM pg_class WHERE relname = part AND relnamespace = 'ledger'::regnamespace) THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE ledger.%I (LIKE ledger.%I INCLUDING ALL)', part, fact);
    EXECUTE format('ALTER TABLE ledger.%I ATTACH PARTITION ledger.%I FOR VALUES FROM (%L) TO (%L)',
        fact, part, first, (first + interval '1 month')::date);
END
$$
