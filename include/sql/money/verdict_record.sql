-- Write what holds of a connection's dates now, where it differs from what was said last; both figures of each change.
WITH said AS (
    SELECT DISTINCT ON (usage_date, currency) *
    FROM ops.verdict
    WHERE connection_id = %(connection_id)s AND usage_date = ANY (%(dates)s)
    ORDER BY usage_date, currency, said_at DESC
), now AS (
    SELECT * FROM marts.day_verdicts WHERE connection_id = %(connection_id)s AND usage_date = ANY (%(dates)s)
), changed AS (
    SELECT
        coalesce(now.usage_date, said.usage_date) AS usage_date, coalesce(now.currency, said.currency) AS currency,
        coalesce(now.verdict, 'gone') AS verdict, now.charged, now.rated, now.low, now.high, now.residual,
        coalesce(now.settled, false) AS settled, coalesce(now.blame, '[]') AS blame,
        said.charged AS old_charged, said.rated AS old_rated, said.verdict AS old_verdict
    FROM now FULL JOIN said USING (usage_date, currency)
    WHERE (now.verdict, now.charged, now.rated, now.low, now.high, now.residual, now.settled)
        IS DISTINCT FROM (said.verdict, said.charged, said.rated, said.low, said.high, said.residual, said.settled)
        AND (now.verdict IS NOT NULL OR said.verdict <> 'gone')
), written AS (
    INSERT INTO ops.verdict (connection_id, usage_date, currency, said_at, verdict, charged, rated, low, high,
        residual, settled, blame)
    SELECT %(connection_id)s, usage_date, currency, clock_timestamp(), verdict, charged, rated, low, high, residual,
        settled, blame
    FROM changed
)
SELECT usage_date, currency, old_verdict, old_charged, charged, old_rated, rated FROM changed
