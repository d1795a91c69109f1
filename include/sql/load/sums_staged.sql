-- Rows and exact sums of every meter among the staged rows, by date: of this load alone, or with those that it says
-- nothing of.
SELECT usage_date, {currency} AS currency, count(*){sums}
FROM {stage} AS summed
WHERE usage_date = ANY(%(dates)s) AND (load_id = %(load_id)s OR %(unasked)s)
GROUP BY 1, 2
