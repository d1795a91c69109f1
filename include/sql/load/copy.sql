COPY {into} ({columns}) FROM STDIN (FORMAT {form})
