SELECT sum(size) FILTER (WHERE team = '') / nullif(sum(size), 0)
FROM (SELECT team, abs(amount) AS size FROM marts.spend_attribution WHERE currency = %(currency)s) AS part
