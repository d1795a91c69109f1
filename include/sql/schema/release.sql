SELECT content FROM ops.schema_part WHERE part = %(part)s
