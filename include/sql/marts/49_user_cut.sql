-- Another cut of traffic that the records hold already, by user: people of vendors whose bill and record name none, and
-- Claude Code. Never add it to records: its measures are called `cut_…` so that no sum does so by mistake.
-- connection_id: The connection that fetched the rows.
-- provider: The vendor.
-- report: The endpoint they came from.
-- breakdown: The name of the cut: look at one at a time, two may hold the same use.
-- usage_date: The local date of the bucket, in the report's day zone.
-- currency: ISO 4217 code of `cut_amount`, '' without one; where there are several, the use is in the first one's row.
-- user_id: The vendor's id of the user, for an e-mail address a pseudonym; '' for the rest of the cut.
-- user_name: The name on that date: `(no user)` without an id, `(unnamed)` where no name is known.
-- cut_amount: What the vendor says that it cost; null where this cut has no money.
-- cut_requests: Requests, or things that were run. Null when no row metered it.
-- cut_input_tokens: All input tokens, cached ones included. Null when no row metered it.
-- cut_cached_input_tokens: The part of the input read from the cache. Null when no row metered it.
-- cut_output_tokens: Output tokens. Null when no row metered it.
-- cut_sessions: Sessions begun. Null when no row metered it.
-- cut_tool_calls: Calls of tools. Null when no row metered it.
-- cut_lines_added: Lines of code added. Null when no row metered it.
-- cut_lines_removed: Lines of code removed. Null when no row metered it.
-- cut_commits: Commits made. Null when no row metered it.
-- cut_pull_requests: Pull requests opened. Null when no row metered it.
-- settled: True when the provider's figures for the date are no longer re-read.
CREATE VIEW marts.user_cut AS
WITH side AS NOT MATERIALIZED (
    SELECT
        connection_id, provider, report, breakdown, usage_date, user_id, NULL::text AS currency, NULL::numeric AS amount,
        requests, input_tokens, cached_input_tokens, output_tokens, sessions, tool_calls, lines_added, lines_removed,
        commits, pull_requests
    FROM ledger.usage_daily
    WHERE breakdown NOT IN ('', 'utc_day')
    UNION ALL
    SELECT
        connection_id, provider, report, breakdown, usage_date, user_id, currency, amount,
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM ledger.cost_daily
    WHERE breakdown NOT IN ('', 'utc_day')
), cut AS (
    SELECT
        connection_id, provider, report, breakdown, usage_date, user_id, coalesce(currency, first, '') AS currency,
        trim_scale(sum(amount)) AS amount, sum(requests) AS requests, sum(input_tokens) AS input_tokens,
        sum(cached_input_tokens) AS cached_input_tokens, sum(output_tokens) AS output_tokens,
        sum(sessions) AS sessions, sum(tool_calls) AS tool_calls, sum(lines_added) AS lines_added,
        sum(lines_removed) AS lines_removed, sum(commits) AS commits, sum(pull_requests) AS pull_requests
    FROM (
        SELECT
            *, min(currency) OVER (PARTITION BY connection_id, report, breakdown, usage_date, user_id) AS first,
            -- Rows without an id are the rest of a cut that has ids, or of one that is cut by other things.
            bool_or(user_id <> '') OVER (PARTITION BY connection_id, breakdown, usage_date) AS of_ids
        FROM side
    ) AS row
    WHERE of_ids
    GROUP BY connection_id, provider, report, breakdown, usage_date, user_id, coalesce(currency, first, '')
)
SELECT
    cut.connection_id, cut.provider, cut.report, cut.breakdown, cut.usage_date, cut.currency, cut.user_id,
    CASE cut.user_id WHEN '' THEN '(no user)' ELSE coalesce(listed.name, '(unnamed)') END AS user_name,
    cut.amount AS cut_amount, cut.requests AS cut_requests, cut.input_tokens AS cut_input_tokens,
    cut.cached_input_tokens AS cut_cached_input_tokens, cut.output_tokens AS cut_output_tokens,
    cut.sessions AS cut_sessions, cut.tool_calls AS cut_tool_calls, cut.lines_added AS cut_lines_added,
    cut.lines_removed AS cut_lines_removed, cut.commits AS cut_commits, cut.pull_requests AS cut_pull_requests,
    coalesce(day.settled, false) AS settled
FROM cut
LEFT JOIN ops.day AS day USING (connection_id, report, usage_date)
LEFT JOIN marts.names AS listed ON listed.connection_id = cut.connection_id AND listed.kind = 'user'
    AND listed.id = cut.user_id AND cut.usage_date >= listed.valid_from AND cut.usage_date < listed.valid_to
