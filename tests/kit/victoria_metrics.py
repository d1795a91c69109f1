"""VictoriaMetrics itself, with recorded rates: `victoria-metrics` of Debian."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from kit.debian_programs import free_port, program, serving
from kit.recorded_rates import Recorded


@contextmanager
def victoria_metrics(folder: Path, prefix: str, series: Iterable[Recorded]) -> Iterator[str]:
    """Serves the series below a path while the context lasts; gives the base URL. Skips the test without it."""
    address = f"127.0.0.1:{free_port()}"
    command = [
        program("victoria-metrics", "victoria-metrics"),
        f"-storageDataPath={folder / 'data'}",
        f"-httpListenAddr={address}",
        f"-http.pathPrefix={prefix}",
        "-retentionPeriod=120",
        "-memory.allowedBytes=200MB",
    ]
    url = f"http://{address}{prefix}"
    with serving(command, f"{url}/health", folder):
        lines = (json.dumps(_line(one)) for one in series)
        for path, body in (("/api/v1/import", "\n".join(lines)), ("/internal/force_flush", "")):
            httpx.post(url + path, content=body.encode(), trust_env=False, timeout=60).raise_for_status()
        yield f"http://{address}"


def _line(one: Recorded) -> dict[str, object]:
    return {
        "metric": {"__name__": one.metric, **dict(one.labels)},
        "timestamps": [time * 1000 for time, _ in one.samples],
        "values": [value for _, value in one.samples],
    }
