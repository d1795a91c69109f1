"""Questions to AWS by the JSON protocols of its services."""

import json
from collections.abc import Mapping
from typing import Any

from usage_ledger import model as m

REGIONS = m.PerSetting("regions", "region")


def question(service: str, region: str, version: str, target: str, body: Mapping[str, Any]) -> m.Request:
    """A POST that only reads: the operation is in a header."""
    return m.Request(
        "/",
        method="POST",
        body=json.dumps(body),
        reads_only=True,
        base=f"https://{service}.{region}.amazonaws.com",
        headers=(("Content-Type", f"application/x-amz-json-{version}"), ("X-Amz-Target", target)),
        audience=f"{service}/{region}",
    )
