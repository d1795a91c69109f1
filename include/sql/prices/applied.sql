SELECT content FROM ops.price_file WHERE name = %(name)s
