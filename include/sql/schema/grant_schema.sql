GRANT USAGE ON SCHEMA marts TO bi_reader
