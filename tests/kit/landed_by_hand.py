"""Pages written by hand, landed as the provider's, and taken through the pipeline's own steps."""

import json
import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine

from kit.staged_loads import DAY, T0, Row
from usage_ledger.connections import Connection
from usage_ledger.core.windows import Window
from usage_ledger.http.page import Call, Page
from usage_ledger.pipeline.load import load
from usage_ledger.pipeline.transform import transform
from usage_ledger.pipeline.validate import validate
from usage_ledger.storage.landing import Landing
from usage_ledger.storage.manifest import Manifest
from usage_ledger.warehouse import loads


class Account:
    """Hand-written pages of one connection, through the pipeline's own steps."""

    def __init__(self, engine: Engine, root: Any, name: str) -> None:
        self.engine, self.root = engine, root
        self.connection = Connection(id=name, provider="fireworks", account=name)
        self.report = self.connection.declared.report("usage")

    def landed(self, rows: list[Row] | bytes, first: date, last: date, fetched_at: datetime = T0) -> str:
        load_id, window = str(uuid.uuid4()), Window(first, last + DAY)
        name, declaration = self.connection.id, self.report.declaration()
        loads.begin(self.engine, load_id, name, "usage", window, declaration, "test")
        landing = Landing.begin(self.root, "fireworks", name, "usage", window, load_id)
        body = rows if isinstance(rows, bytes) else json.dumps({"serverlessCosts": rows}).encode()
        landing.land(Page(Call("/x", ()), body, 200, fetched_at), "http://provider")
        manifest = Manifest(
            load_id, name, "fireworks", name, "usage", window.first, window.end, "UTC", declaration, fetched_at,
            landing.pages, account_listed=True,
        )  # fmt: skip
        loads.landed(self.engine, load_id, fetched_at, landing.commit(manifest))
        return load_id

    def transform(self, load_id: str) -> None:
        transform(self.connection, load_id, engine=self.engine, root=self.root)

    def validate(self, load_id: str) -> None:
        validate(self.connection, load_id, engine=self.engine, root=self.root)

    def load(self, load_id: str) -> Any:
        return load(self.connection, load_id, engine=self.engine, root=self.root)

    def whole(self, rows: list[Row] | bytes, first: date, last: date, fetched_at: datetime = T0) -> Any:
        load_id = self.landed(rows, first, last, fetched_at)
        self.transform(load_id)
        self.validate(load_id)
        return self.load(load_id)


def sent(day: date, model: str, tokens: object, **more: Any) -> Row:
    """A row as the provider writes it."""
    group = {"model_name": model, "api_key_id": "k1", "api_key_name": "bot"}
    bounds = {"startTime": f"{day}T00:00:00Z", "endTime": f"{day + DAY}T00:00:00Z"}
    return {**bounds, "promptTokens": tokens, "completionTokens": "1", "group": group, **more}
