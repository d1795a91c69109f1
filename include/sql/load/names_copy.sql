COPY staged_name ({columns}, fetched_at) FROM STDIN (FORMAT csv)
