"""Prometheus itself, with recorded rates: `prometheus` of Debian."""

import itertools
import json
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kit.debian_programs import free_port, program, serving
from kit.recorded_rates import Recorded


@contextmanager
def prometheus(folder: Path, prefix: str, series: Iterable[Recorded]) -> Iterator[str]:
    """Serves the series below a path while the context lasts; gives the base URL. Skips the test without it."""
    promtool, server = program("prometheus", "promtool"), program("prometheus", "prometheus")
    text, data, settings = folder / "rates.txt", folder / "data", folder / "prometheus.yml"
    text.write_text("\n".join(_lines(series)) + "\n", encoding="utf-8")
    settings.write_text("{}\n", encoding="utf-8")
    blocks = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", str(text), str(data)]
    subprocess.run(blocks, check=True, capture_output=True, timeout=120)
    address = f"127.0.0.1:{free_port()}"
    command = [
        server,
        f"--config.file={settings}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=10y",
        f"--web.listen-address={address}",
        f"--web.route-prefix={prefix}",
    ]
    with serving(command, f"http://{address}{prefix}/-/ready", folder):
        yield f"http://{address}"


def _lines(series: Iterable[Recorded]) -> Iterator[str]:
    """OpenMetrics: the samples of a metric together, each label set by time."""
    by_metric = sorted(series, key=lambda one: one.metric)
    for metric, group in itertools.groupby(by_metric, key=lambda one: one.metric):
        yield f"# TYPE {metric} gauge"
        for one in group:
            labels = ",".join(f"{name}={json.dumps(value)}" for name, value in one.labels)
            yield from (f"{metric}{{{labels}}} {value!r} {time}" for time, value in one.samples)
    yield "# EOF"
