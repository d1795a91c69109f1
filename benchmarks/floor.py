"""The least that must be done with the rows: typed decode, Arrow, `COPY`, insert. No landing, no check, no proof.

`--least`: sorted, as binary, and straight into the table.
"""

import argparse
import io
import json
import sys
import time
from urllib.request import urlopen

import msgspec
import pgpq
import psycopg2
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv


class Group(msgspec.Struct, gc=False):
    model_name: str
    api_key_id: str
    team: str = msgspec.field(name="annotations.team")
    project: str = msgspec.field(name="annotations.project")
    environment: str = msgspec.field(name="annotations.environment")


class Row(msgspec.Struct, gc=False):
    startTime: str  # noqa: N815  the provider's names
    usageType: str  # noqa: N815
    promptTokens: str  # noqa: N815
    cachedPromptTokens: str  # noqa: N815
    completionTokens: str  # noqa: N815
    group: Group


class Document(msgspec.Struct, gc=False):
    serverlessCosts: list[Row]  # noqa: N815


TEXTS = ("day", "model", "api_key_id", "team", "project", "environment", "usage_type")
KEY = ("day", "model", "api_key_id", "team")
COUNTS = ("input_tokens", "cached_input_tokens", "output_tokens")


def run(url: str, server: str, *, least: bool) -> int:
    """Load the rows; how many."""
    with urlopen(url) as response:  # noqa: S310  our own loopback server
        rows = msgspec.json.decode(response.read(), type=Document).serverlessCosts
    texts = [
        [row.startTime[:10] for row in rows],
        [row.group.model_name for row in rows],
        [row.group.api_key_id for row in rows],
        [row.group.team for row in rows],
        [row.group.project for row in rows],
        [row.group.environment for row in rows],
        [row.usageType for row in rows],
    ]
    counts = [
        [getattr(row, name) for row in rows] for name in ("promptTokens", "cachedPromptTokens", "completionTokens")
    ]
    arrays = [pa.array(values, pa.string()) for values in texts]
    arrays += [pa.array(values, pa.string()).cast(pa.int64()) for values in counts]
    table = pa.table(arrays, names=[*TEXTS, *COUNTS])
    sink = binary(table) if least else csv(table)
    connection = psycopg2.connect(host=server, user="postgres", dbname="postgres")
    columns = ", ".join([*(f"{name} text" for name in TEXTS), *(f"{name} bigint" for name in COUNTS)])
    with connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS floor")
        cursor.execute(f"CREATE TABLE floor ({columns}, PRIMARY KEY ({', '.join(KEY)}))")
        if least:
            cursor.copy_expert("COPY floor FROM STDIN (FORMAT binary)", sink)
        else:
            cursor.execute("CREATE TEMPORARY TABLE staged (LIKE floor) ON COMMIT DROP")
            cursor.copy_expert("COPY staged FROM STDIN (FORMAT csv)", sink)
            cursor.execute("INSERT INTO floor SELECT * FROM staged")
    connection.close()
    return len(rows)


def csv(table: pa.Table) -> io.BytesIO:
    """The rows as CSV."""
    sink = io.BytesIO()
    pa.csv.write_csv(table, sink, pa.csv.WriteOptions(include_header=False))
    sink.seek(0)
    return sink


def binary(table: pa.Table) -> io.BytesIO:
    """The rows in the key's order, in PostgreSQL's binary form."""
    ordered = table.take(pc.sort_indices(table, [(name, "ascending") for name in KEY]))
    encoder = pgpq.ArrowToPostgresBinaryEncoder(table.schema)
    parts = [encoder.write_header(), *map(encoder.write_batch, ordered.to_batches()), encoder.finish()]
    return io.BytesIO(b"".join(parts))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("server")
    parser.add_argument("--least", action="store_true")
    told = parser.parse_args()
    started = time.perf_counter()
    loaded = run(told.url, told.server, least=told.least)
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - started, "rows": loaded}) + "\n")
