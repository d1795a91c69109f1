SELECT ops.ensure_month(%(fact)s, %(month)s)
