"""Seconds to parse and serialise one Dag file, beyond what `import airflow.sdk` and Airflow's own parser cost."""

import json
import sys
import time
from pathlib import Path

import airflow.sdk  # noqa: F401
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization


def main(path: str) -> None:
    started = time.perf_counter()
    bag = DagBag(path, load_op_links=False)
    if bag.import_errors:
        raise SystemExit(str(bag.import_errors))
    size = sum(len(json.dumps(DagSerialization.to_dict(dag))) for dag in bag.dags.values())
    seconds = time.perf_counter() - started
    sys.stdout.write(json.dumps({"seconds": seconds, "dags": len(bag.dags), "bytes": size}) + "\n")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main(sys.argv[1])
