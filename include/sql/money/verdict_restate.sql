-- What a change of prices makes of a day that was rated before.
INSERT INTO ops.restatement (connection_id, report, usage_date, table_name, row_key, dimensions, meter, old, new,
    new_load_id, cause, detected_at)
VALUES (%(connection_id)s, '', %(usage_date)s, 'verdict', md5(%(currency)s)::uuid,
    jsonb_build_object('currency', %(currency)s::text), 'rated', %(old)s, %(new)s, %(recording)s, 'price',
    clock_timestamp())
