"""AWS's services of this process, by moto, behind a front that says JSON where moto answers JSON as a web page."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, NamedTuple

import pytest

ACCOUNT = "123456789012"
"""The account that every key of moto's belongs to."""


class Point(NamedTuple):
    """A value of one metric, published under a set of dimensions."""

    region: str
    namespace: str
    name: str
    dimensions: dict[str, str]
    at: datetime
    value: int


class MotoServer:
    """A moto server of this process, on a port of 127.0.0.1; `_answer` stands before it, as WSGI."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer

        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        self.host, self.port = self._server.get_host_and_port()
        self.url = f"http://{self.host}:{self.port}"
        inner: Any = self._server._server
        self._app, inner.app = inner.app, self._answer

    def stop(self) -> None:
        self._server.stop()

    def _answer(self, environ: Any, start_response: Any) -> Any:
        return self._app(environ, start_response)


class AwsServer(MotoServer):
    """CloudWatch, STS, Cost Explorer and S3 on a port of 127.0.0.1."""

    def __init__(self) -> None:
        super().__init__()
        self.canned: dict[str, Any] = {}
        """By operation or path, the answer to what moto does not have."""
        self.requests: list[tuple[str, str, str]] = []
        """Operation or path, region, and body of each request, but for those that prepare a test."""

    def client(self, service: str, region: str) -> Any:
        """AWS's own client, beside the product's."""
        import boto3

        keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "who+knows/what"}
        return boto3.client(service, region_name=region, endpoint_url=self.url, **keys)

    def publish(self, points: Iterable[Point]) -> None:
        """Put metrics in, one request a region and namespace."""
        groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for point in points:
            datum = {
                "MetricName": point.name,
                "Timestamp": point.at.astimezone(UTC),
                "Value": float(point.value),
                "Unit": "Count",
                "Dimensions": [{"Name": name, "Value": value} for name, value in point.dimensions.items()],
            }
            groups.setdefault((point.region, point.namespace), []).append(datum)
        for (region, namespace), data in groups.items():
            for at in range(0, len(data), 1000):
                self.client("cloudwatch", region).put_metric_data(Namespace=namespace, MetricData=data[at : at + 1000])
        self.requests.clear()

    def _answer(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        operation = target or f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}"
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split("/")
        self.requests.append((operation, scope[2] if len(scope) > 2 else "", body.decode("utf-8", "replace")))
        if operation in self.canned:
            start("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self.canned[operation]).encode()]
        environ["wsgi.input"] = BytesIO(body)

        def said(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            if target:
                headers = [one for one in headers if one[0].lower() != "content-type"]
                headers = [*headers, ("Content-Type", "application/x-amz-json-1.0")]
            return start(status, headers, *more)

        answer: Iterable[bytes] = self._app(environ, said)
        return answer


@contextmanager
def aws_server() -> Iterator[AwsServer]:
    """A server without any data."""
    pytest.importorskip("moto.server", reason="moto is not installed, so there is no AWS to ask")
    import httpx

    server = AwsServer()
    try:
        httpx.post(f"{server.url}/moto-api/reset")  # moto's state is the process's
        yield server
    finally:
        server.stop()
