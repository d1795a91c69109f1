"""What a user would pick instead: dlt on the rows, dlt on a hand-made Arrow table, pandas. Its own environment.

Each is told a URL of the answer and a PostgreSQL, loads the rows, and prints its seconds after imports. dlt merges on
the same key as ours; pandas replaces the table.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import urlopen

METERS = ("promptTokens", "cachedPromptTokens", "uncachedPromptTokens", "completionTokens")
Peer = Callable[[str, Any], Callable[[], None]]
"""Given a URL, and a pipeline or a database, what loads the rows once more: that is measured."""
KEY = ["start_time", "model", "api_key_id", "team"]


def answer(url: str) -> list[dict[str, Any]]:
    """The rows as decoded JSON."""
    with urlopen(url) as response:  # noqa: S310  our own loopback server
        rows: list[dict[str, Any]] = json.load(response)["serverlessCosts"]
    return rows


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a person would flatten it."""
    group = row["group"]
    return {
        "start_time": row["startTime"],
        "end_time": row["endTime"],
        "model": group["model_name"],
        "api_key_id": group["api_key_id"],
        "team": group["annotations.team"],
        "project": group["annotations.project"],
        "environment": group["annotations.environment"],
        "usage_type": row["usageType"],
        **{meter: int(row[meter]) for meter in METERS},
    }


def dlt_rows(form: str | None) -> Peer:
    """dlt's own way: a resource of rows, merged; files of that form, or of its default one."""

    def ready(url: str, pipeline: Any) -> Callable[[], None]:
        return lambda: _run(pipeline, lambda: [flat(row) for row in answer(url)], form)

    return ready


def dlt_arrow(url: str, pipeline: Any) -> Callable[[], None]:
    """dlt on an Arrow table that was fetched, decoded and flattened beforehand, which is not counted."""
    table = _table(url)
    return lambda: _run(pipeline, lambda: table, None)


def dlt_arrow_parquet(url: str, pipeline: Any) -> Callable[[], None]:
    """What an expert does, all of it on the clock: an Arrow table, and Parquet that an ADBC driver loads."""
    return lambda: _run(pipeline, lambda: _table(url), "parquet")


def pandas_frame(url: str, database: str) -> Callable[[], None]:
    """`json_normalize` and `to_sql`."""
    import pandas as pd
    import sqlalchemy

    engine = sqlalchemy.create_engine(database.replace("postgresql://", "postgresql+psycopg2://"))

    def load() -> None:
        frame = pd.json_normalize(answer(url))
        frame[list(METERS)] = frame[list(METERS)].astype("int64")
        frame.to_sql("pandas_usage", engine, if_exists="replace", index=False, method="multi", chunksize=2000)

    return load


def _table(url: str) -> Any:
    import pyarrow as pa

    return pa.Table.from_pylist([flat(row) for row in answer(url)])


def _pipeline(name: str, database: str) -> Any:
    import dlt
    from dlt.destinations import postgres

    return dlt.pipeline(name, destination=postgres(database), dataset_name=name, dev_mode=True)


def _run(pipeline: Any, rows: Callable[[], Any], form: str | None) -> None:
    import dlt

    @dlt.resource(name="usage", write_disposition="merge", primary_key=KEY)
    def usage() -> Iterator[Any]:
        yield rows()

    more = {"loader_file_format": form} if form else {}
    pipeline.run(usage(), **more).raise_on_failed_jobs()


PEERS: dict[str, Peer] = {
    "dlt_rows": dlt_rows(None),
    "dlt_rows_csv": dlt_rows("csv"),
    "dlt_arrow": dlt_arrow,
    "dlt_arrow_parquet": dlt_arrow_parquet,
    "pandas": pandas_frame,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=sorted(PEERS))
    parser.add_argument("url")
    parser.add_argument("database")
    parser.add_argument("--before", help="a URL whose rows are loaded before the clock starts")
    told = parser.parse_args()
    to = told.database if told.peer == "pandas" else _pipeline(told.peer, told.database)
    if told.before:
        PEERS[told.peer](told.before, to)()
    work = PEERS[told.peer](told.url, to)
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"seconds": seconds, "peak_mb": peak}) + "\n")


if __name__ == "__main__":
    main()
