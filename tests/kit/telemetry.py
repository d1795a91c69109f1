"""Takes what a team observes with: StatsD's datagrams, OpenLineage's events, OpenTelemetry's spans and metrics."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

METRIC = re.compile(r"(?P<name>[^:]+):(?P<value>[^|]+)\|(?P<kind>c|g|ms)")


@dataclass
class Telemetry:
    """What came, and where to send it to."""

    statsd_port: int = 0
    http_port: int = 0
    metrics: list[tuple[str, float, str]] = field(default_factory=list)
    """Of StatsD: name, value, and kind, `c` or `g`."""
    lineage: list[dict[str, Any]] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    points: list[tuple[str, dict[str, str], float]] = field(default_factory=list)
    """Metrics of OpenTelemetry: name, tags, value."""

    @property
    def environment(self) -> dict[str, str]:
        """The settings with which a team's Airflow would send all of it here."""
        address = f"http://127.0.0.1:{self.http_port}"
        return {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(self.statsd_port),
            "AIRFLOW__METRICS__METRICS_ALLOW_LIST": "^usage_ledger",
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps({"type": "http", "url": address}),
            "AIRFLOW__TRACES__OTEL_ON": "True",
            "OTEL_TRACES_EXPORTER": "otlp_proto_http",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{address}/v1/traces",
        }

    def completed(self, dag_id: str, task_id: str) -> list[dict[str, Any]]:
        """The events of the task's successful ends."""
        name = f"{dag_id}.{task_id}"
        events = list(self.lineage)
        return [one for one in events if one["eventType"] == "COMPLETE" and one["job"]["name"] == name]

    def take(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            for of_process in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.spans += [span for scope in of_process.scope_spans for span in scope.spans]
        elif path == "/v1/metrics":
            for measured in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for metric in (one for scope in measured.scope_metrics for one in scope.metrics):
                    for point in (*metric.sum.data_points, *metric.gauge.data_points):
                        tags = {one.key: one.value.string_value for one in point.attributes}
                        self.points.append((metric.name, tags, point.as_double or point.as_int))
        else:
            event = json.loads(body)
            self.lineage += event if isinstance(event, list) else [event]


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            import gzip

            body = gzip.decompress(body)
        self.server.telemetry.take(self.path, body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def telemetry() -> Iterator[Telemetry]:
    """Receivers on loopback, until the end."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server,
    ):
        datagrams.bind(("127.0.0.1", 0))
        datagrams.settimeout(0.2)
        taken = Telemetry(datagrams.getsockname()[1], server.server_address[1])
        server.telemetry = taken  # type: ignore[attr-defined]
        ended = threading.Event()

        def take_datagrams() -> None:
            while not ended.is_set():
                try:
                    text = datagrams.recv(65536).decode()
                except TimeoutError:
                    continue
                matches = filter(None, map(METRIC.fullmatch, text.splitlines()))
                taken.metrics += [(one["name"], float(one["value"]), one["kind"]) for one in matches]

        threads = [threading.Thread(target=work) for work in (lambda: server.serve_forever(0.1), take_datagrams)]
        for thread in threads:
            thread.start()
        try:
            yield taken
        finally:
            ended.set()
            server.shutdown()
            for thread in threads:
                thread.join()
