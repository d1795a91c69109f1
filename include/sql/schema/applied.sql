SELECT part, content FROM ops.schema_part
