INSERT INTO ops.price_file (name, content, who)
VALUES (%(name)s, %(content)s, %(who)s)
ON CONFLICT (name) DO UPDATE SET content = EXCLUDED.content, who = EXCLUDED.who, applied_at = clock_timestamp()
