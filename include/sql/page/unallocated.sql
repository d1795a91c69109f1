-- How much of a month's bill has no owner, by currency.
SELECT currency, sum(total) AS total, sum(no_owner) AS no_owner, sum(unallocated) AS unallocated
FROM marts.unallocated_share
WHERE connection_id = ANY (%(ids)s) AND month = %(month)s
GROUP BY currency
ORDER BY sum(total) DESC, currency
