COPY {stage} ({columns}) FROM STDIN (FORMAT csv)
