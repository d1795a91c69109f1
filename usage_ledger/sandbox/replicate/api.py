"""Replicate's HTTP API, as far as usage is read from it, served from invented accounts.

Records hold what a customer would not want stored: the texts, logs and addresses all contain `PROMPT-CANARY`.
"""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import NamedTuple, Self
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams

from usage_ledger.sandbox.kit.serving import Call, Endpoint, Json, Refusal, account_of, add_endpoints, bearer_key
from usage_ledger.sandbox.kit.slots import slot_of
from usage_ledger.sandbox.kit.streams import stable
from usage_ledger.sandbox.replicate.truth import FINAL_AFTER, HARDWARE, Deployment, Prediction, ReplicateTruth

PAGE = 100
CANARY = "PROMPT-CANARY"
_API = "https://api.replicate.com/v1"
_MICROSECOND = timedelta(microseconds=1)
_WEB_HISTORY = timedelta(days=14)
_RETENTION = timedelta(hours=1)
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_RATE_HEADERS = {"ratelimit-remaining": "2999", "ratelimit-reset": "1"}


def _problem(status: int, title: str, detail: str) -> Refusal:
    """Problem details, RFC 7807."""
    return Refusal(status, {"title": title, "detail": detail, "status": status})


def _instant(params: QueryParams, name: str, default: datetime) -> datetime:
    text = params.get(name)
    if text is None:
        return default
    try:
        if _DATE_TIME.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _problem(422, "Unprocessable Entity", f"{name} must be an ISO 8601 date-time with a zone")


class Window(NamedTuple):
    """The predictions that a list is about: created in `[after, before)`, from one source or '' for all."""

    after: datetime
    before: datetime
    source: str

    @classmethod
    def read(cls, params: QueryParams, truth: ReplicateTruth, now: datetime) -> Self:
        """From the query string; raises `Refusal`."""
        begin = datetime.combine(truth.since, time(), UTC)
        after = max(_instant(params, "created_after", begin), begin)
        before = min(_instant(params, "created_before", now), now)
        source = params.get("source")
        if source not in (None, "web"):
            raise _problem(422, "Unprocessable Entity", "source must be web")
        return cls(max(after, now - _WEB_HISTORY) if source else after, before, source or "")

    def newest_first(self, truth: ReplicateTruth) -> Iterator[Prediction]:
        """The window's predictions, from its end."""
        if self.after < self.before:
            for slot in range(slot_of(self.before - _MICROSECOND), slot_of(self.after) - 1, -1):
                yield from filter(self._holds, reversed(truth.predictions_in(slot)))

    def oldest_first(self, truth: ReplicateTruth) -> Iterator[Prediction]:
        """The window's predictions, from its start."""
        if self.after < self.before:
            for slot in range(slot_of(self.after), slot_of(self.before - _MICROSECOND) + 1):
                yield from filter(self._holds, truth.predictions_in(slot))

    def _holds(self, prediction: Prediction) -> bool:
        return self.after <= prediction.created_at < self.before and self.source in ("", prediction.source)


class Cursor(NamedTuple):
    """A place between two predictions: what was created before `position`, or after it where `back`."""

    position: datetime
    back: bool = False

    def written(self) -> str:
        """As the documentation's sample cursors are: base64 of a query string."""
        reverse = {"r": "1"} if self.back else {}
        return b64encode(urlencode(reverse | {"p": str(self.position)}).encode()).decode()

    @classmethod
    def read(cls, text: str) -> Self:
        """From the query string; raises `Refusal`."""
        try:
            fields = parse_qs(b64decode(text, validate=True).decode(), strict_parsing=True)
            return cls(datetime.fromisoformat(fields["p"][0]).astimezone(UTC), fields.get("r") == ["1"])
        except (binascii.Error, KeyError, ValueError, OverflowError):
            raise _problem(404, "Not Found", "Invalid cursor") from None


_Call = Call[ReplicateTruth]


def _address(call: _Call, cursor: str) -> str:
    """The same list at another place of it."""
    url = call.request.url
    base = "http://api.replicate.com" if call.truth.http_next else f"{url.scheme}://{url.netloc}"
    others = [(name, value) for name, value in call.params.multi_items() if name != "cursor"]
    return f"{base}{url.path}?{urlencode([*others, ('cursor', cursor)])}"


def _written(instant: datetime, digits: int, tail: int) -> str:
    fraction = f"{instant.microsecond:06d}{tail:02d}"[:digits]
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def _number(units: int, places: int) -> Decimal | int:
    """Exact, and without the zeros at its end."""
    whole, rest = divmod(units, 10**places)
    fraction = f"{rest:0{places}d}".rstrip("0")
    return Decimal(f"{whole}.{fraction}") if fraction else whole


def _metrics(prediction: Prediction) -> Json:
    entries: Json = {}
    if prediction.predict_nanos is not None:
        total = max((prediction.completed_at - prediction.created_at) // _MICROSECOND, 0)
        entries = {"predict_time": _number(prediction.predict_nanos, 9), "total_time": _number(total, 6)}
    counts = {"input_token_count": prediction.input_tokens, "output_token_count": prediction.output_tokens}
    entries |= {name: count for name, count in counts.items() if count is not None}
    if prediction.output_tokens is not None:
        entries |= {"tokens_per_second": Decimal("151.4"), "time_to_first_token": Decimal("0.19")}
    elif not prediction.model.own and entries:
        entries["image_count"] = 1
    return entries


def _private(prediction: Prediction, status: str, lot: int) -> Json:
    """What the customer sent and got, with names and signs that mislead whoever reads text instead of JSON."""
    prompt = f'{CANARY} "status": "succeeded", {{"predict_time": 99}}]}} \\ \u2028 {prediction.prediction_id}'
    sent = {"prompt": prompt, "metrics": {"predict_time": 99, "note": CANARY}, "id": CANARY, "created_at": CANARY}
    output: tuple[object, ...] = (
        [CANARY, " tells", " a story"],
        f"https://replicate.delivery/{CANARY}/out.png",
        {"text": CANARY, "results": [{"id": CANARY}]},
    )
    logs: Json = {} if lot % 4 == 0 else {"logs": f"{CANARY}\nusing seed {lot % 1000}\n"}
    return {"input": sent, "output": output[lot % 3] if status == "succeeded" else None, **logs}


def _record(prediction: Prediction, now: datetime) -> Json:
    status, identity = prediction.status_at(now), prediction.prediction_id
    lot, ended = stable("record", identity), now - prediction.created_at >= FINAL_AFTER
    digits, tail = prediction.run_digits, prediction.run_tail
    started = prediction.started_at if status != "starting" else None
    # Only what came by API is removed; the website keeps its runs.
    removed = ended and prediction.source == "api" and now - prediction.completed_at >= _RETENTION
    record: Json = {"id": identity, "model": prediction.model.name, "version": prediction.version}
    if prediction.deployment:
        record["deployment"] = prediction.deployment
    record |= {
        "source": prediction.source,
        "status": status,
        "created_at": _written(prediction.created_at, prediction.digits, prediction.tail),
        "started_at": _written(started, digits, tail) if started else None,
        "completed_at": _written(prediction.completed_at, digits, tail) if ended else None,
    }
    metrics = _metrics(prediction) if ended else {}
    # Absent values are sent in three ways; for an aborted prediction always as an empty object.
    shape = lot % 3 if not metrics and status != "aborted" else 0
    if shape != 2:
        record["metrics"] = None if shape == 1 else metrics
    record |= {"input": {}, "output": None, "logs": None} if removed else _private(prediction, status, lot)
    message = f"{CANARY} is not an image"
    failed = {"detail": message} if lot % 5 == 0 else message
    record |= {"error": failed if status == "failed" else None, "data_removed": removed}
    address = f"{_API}/predictions/{identity}"
    record["urls"] = {
        "get": address,
        "cancel": f"{address}/cancel",
        "web": f"https://replicate.com/p/{identity}",
        "stream": f"https://stream.replicate.com/v1/files/{CANARY}-{identity}",
    }
    return record


def _predictions(call: _Call) -> Json:
    params, truth = call.params, call.truth
    window = Window.read(params, truth, call.now)
    cursor = Cursor.read(params["cursor"]) if "cursor" in params else None
    if cursor and cursor.back:
        rest = window._replace(after=max(window.after, cursor.position + _MICROSECOND))
        entries = list(islice(rest.oldest_first(truth), PAGE + 1))
        shown, newer, older = entries[:PAGE][::-1], len(entries) > PAGE, True
    else:
        rest = window._replace(before=min(window.before, cursor.position)) if cursor else window
        entries = list(islice(rest.newest_first(truth), PAGE + 1))
        shown, newer, older = entries[:PAGE], cursor is not None, len(entries) > PAGE
    return {
        "next": _address(call, Cursor(shown[-1].created_at).written()) if shown and older else None,
        "previous": _address(call, Cursor(shown[0].created_at, back=True).written()) if shown and newer else None,
        "results": [_record(prediction, call.now) for prediction in shown],
    }


def _owner(truth: ReplicateTruth) -> Json:
    return {"type": "organization", "username": truth.account, "name": f"{truth.account.title()} Example Ltd"}


def _account(call: _Call) -> Json:
    return _owner(call.truth) | {"github_url": f"https://github.com/{call.truth.account}"}


def _deployment(call: _Call, number: int, deployment: Deployment) -> Json:
    owner, _, name = deployment.name.partition("/")
    return {
        "owner": owner,
        "name": name,
        "current_release": {
            "number": number + 1,
            "model": deployment.model.name,
            "version": deployment.model.version_in(slot_of(call.now)),
            "created_at": f"{call.truth.since}T00:00:00.000000Z",
            "created_by": _owner(call.truth),
            "configuration": {"hardware": deployment.hardware, "min_instances": 0, "max_instances": 3},
        },
    }


def _deployments(call: _Call) -> Json:
    text, listed = call.params.get("cursor"), call.truth.all_deployments
    try:
        first = 0 if text is None else int(b64decode(text, validate=True).removeprefix(b"o="))
    except (binascii.Error, ValueError):
        raise _problem(404, "Not Found", "Invalid cursor") from None

    def link(offset: int) -> str | None:
        inside = 0 <= offset < len(listed)
        return _address(call, b64encode(f"o={offset}".encode()).decode()) if inside else None

    shown = list(enumerate(listed))[max(first, 0) :][:PAGE]
    results = [_deployment(call, number, deployment) for number, deployment in shown]
    return {"next": link(first + PAGE), "previous": link(first - PAGE), "results": results}


def _hardware(_call: _Call) -> list[Json]:
    return [{"name": name, "sku": sku} for sku, name in HARDWARE.items()]


def _trainings(_call: _Call) -> Json:
    return {"next": None, "previous": None, "results": []}


_ENDPOINTS = {
    "/v1/predictions": Endpoint(_predictions),
    "/v1/trainings": Endpoint(_trainings),
    "/v1/account": Endpoint(_account),
    "/v1/deployments": Endpoint(_deployments),
    "/v1/hardware": Endpoint(_hardware),
}


def _authorize(accounts: Mapping[str, ReplicateTruth], request: Request) -> ReplicateTruth:
    truth = account_of(accounts, bearer_key(request))
    if truth is None:
        raise _problem(401, "Unauthenticated", "No valid authentication token was passed")
    return truth


def _headers(_request: Request, status: int) -> dict[str, str]:
    return _RATE_HEADERS if status == 200 else {}


def replicate_router(accounts: Mapping[str, ReplicateTruth], now: Callable[[], datetime]) -> APIRouter:
    """The endpoints under `/v1`; `accounts` are keyed by the API token that opens each.

    `now` is the service's clock, zone-aware: later predictions do not exist yet, the last ones have not ended.
    """
    router = APIRouter()
    problems = "application/problem+json"
    add_endpoints(router, _ENDPOINTS, partial(_authorize, accounts), now, headers=_headers, error_type=problems)
    return router
