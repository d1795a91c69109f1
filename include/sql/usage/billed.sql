-- What an account was charged in a range of dates, by line of the bill. Currencies and bases are never added.
SELECT currency, basis, usage_type, charge_category, category, line_item, unit, sum(quantity) AS quantity,
    sum(amount) AS amount
FROM ledger.cost_daily
WHERE connection_id = %(connection_id)s AND breakdown = '' AND usage_date >= %(first)s AND usage_date < %(end)s
GROUP BY currency, basis, usage_type, charge_category, category, line_item, unit
ORDER BY currency, basis, usage_type, charge_category, category, line_item, unit
