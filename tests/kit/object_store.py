"""An S3 server of this process, with faults by key: the real protocol, for what speaks it by itself."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kit.moto_server import MotoServer
from usage_ledger.core.project import ROOT

TESTS = Path(__file__).parents[1]
ERROR = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>{}</Message></Error>'
FAULTS = {
    "/slow/raw/fireworks/": (503, "SlowDown", "Please reduce your request rate."),
    "/busy/": (503, "SlowDown", "Please reduce your request rate."),
    "/forbidden/": (403, "AccessDenied", "Access Denied"),
}
"""What is answered to a request whose key holds this; of `/busy/`, to the first of each verb in a bucket alone."""
_buckets = itertools.count(1)


class ObjectStore(MotoServer):
    """Buckets on a port of 127.0.0.1."""

    def __init__(self) -> None:
        super().__init__()
        self.healed = False
        """No faults any more."""
        self.refused: list[tuple[str, str]] = []
        """Verb and path of every request that met a fault."""

    def client(self) -> Any:
        """A client of one's own, beside the product's."""
        import boto3

        return boto3.client("s3", endpoint_url=self.url)

    def bucket(self) -> str:
        """The name of a new bucket."""
        name = f"raw-{os.getpid()}-{next(_buckets)}"
        self.client().create_bucket(Bucket=name)
        return name

    def keys(self, bucket: str) -> set[str]:
        objects = self.client().list_objects_v2(Bucket=bucket).get("Contents", [])
        return {one["Key"] for one in objects}

    def _answer(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        verb, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        for part, (status, code, message) in FAULTS.items():
            over = self.healed or (part == "/busy/" and self._was_refused(verb, path))
            if part in f"{path}?{environ['QUERY_STRING']}" and not over:
                self.refused.append((verb, path))
                environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                body = ERROR.format(code, message).encode()
                headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
                start(f"{status} {code}", headers)
                return [] if verb == "HEAD" else [body]
        answer: Iterable[bytes] = self._app(environ, start)
        return answer

    def _was_refused(self, verb: str, path: str) -> bool:
        bucket = path.split("/")[1]
        return any(verb == refused and before.startswith(f"/{bucket}/") for refused, before in self.refused)


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """A server, and an environment that leads every S3 client of this process and its children to it."""
    pytest.importorskip("moto.server", reason="moto is not installed, so there is no S3 server")
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed, so the product speaks no S3")
    store = ObjectStore()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ENDPOINT_URL", store.url)
        patch.setenv("AWS_ACCESS_KEY_ID", "who")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "what")  # of nobody
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_MAX_ATTEMPTS", "2")
        s3fs.S3FileSystem.clear_instance_cache()
        try:
            yield store
        finally:
            s3fs.S3FileSystem.clear_instance_cache()
            store.stop()


def with_airflow(folder: Path, script: str, *arguments: str) -> str:
    """What a script prints that uses Airflow's paths, in a process of its own: Airflow reads its settings once."""
    environment = {name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("AWS_")}
    environment |= {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, TESTS, TESTS / "faults", TESTS / "unit"))),
    }
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout
