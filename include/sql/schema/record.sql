INSERT INTO ops.schema_part (part, content) VALUES (%(part)s, %(content)s)
ON CONFLICT (part) DO UPDATE SET content = EXCLUDED.content, applied_at = now()
