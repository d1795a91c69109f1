COPY {into} ({columns}) FROM STDIN (FORMAT csv)
