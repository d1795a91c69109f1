-- Rows and exact sums of every meter among the staged rows, by date.
SELECT usage_date, {currency} AS currency, count(*){sums}
FROM {stage} AS summed
WHERE usage_date = ANY(%(dates)s)
GROUP BY 1, 2
