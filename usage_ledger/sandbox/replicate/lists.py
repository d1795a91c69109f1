"""Replicate's lists: predictions, deployments, hardware, trainings; and the account."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable
from itertools import islice

from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.slots import slot_of
from usage_ledger.sandbox.replicate.account import HARDWARE, Deployment, ReplicateAccount
from usage_ledger.sandbox.replicate.predictions import MICROSECOND
from usage_ledger.sandbox.replicate.queries import Cursor, ReplicateCall, Window, address_of, problem
from usage_ledger.sandbox.replicate.records import record_of
from usage_ledger.sandbox.replicate.trainings import training_record, trainings_before

PAGE = 100


def predictions(call: ReplicateCall) -> Json:
    """One page of the predictions, the newest first."""
    params, one = call.params, call.truth
    window = Window.read(params, one, call.now)
    cursor = Cursor.read(params["cursor"]) if "cursor" in params else None
    if cursor and cursor.back:
        rest = window._replace(after=max(window.after, cursor.position + MICROSECOND))
        entries = list(islice(rest.oldest_first(one), PAGE + 1))
        shown, newer, older = entries[:PAGE][::-1], len(entries) > PAGE, True
    else:
        rest = window._replace(before=min(window.before, cursor.position)) if cursor else window
        entries = list(islice(rest.newest_first(one), PAGE + 1))
        shown, newer, older = entries[:PAGE], cursor is not None, len(entries) > PAGE
    return {
        "next": address_of(call, Cursor(shown[-1].created_at).written()) if shown and older else None,
        "previous": address_of(call, Cursor(shown[0].created_at, back=True).written()) if shown and newer else None,
        "results": [record_of(prediction, call.now) for prediction in shown],
    }


def _owner(one: ReplicateAccount) -> Json:
    return {"type": "organization", "username": one.account, "name": f"{one.account.title()} Example Ltd"}


def account(call: ReplicateCall) -> Json:
    """The account."""
    return _owner(call.truth) | {"github_url": f"https://github.com/{call.truth.account}"}


def _deployment(call: ReplicateCall, number: int, deployment: Deployment) -> Json:
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


def _offsets(call: ReplicateCall, count: int) -> tuple[int, Callable[[int], str | None]]:
    """Where a page of a list of so many begins, and what gives the address of another."""
    text = call.params.get("cursor")
    try:
        first = 0 if text is None else int(b64decode(text, validate=True).removeprefix(b"o="))
    except (binascii.Error, ValueError):
        raise problem(404, "Not Found", "Invalid cursor") from None

    def link(offset: int) -> str | None:
        return address_of(call, b64encode(f"o={offset}".encode()).decode()) if 0 <= offset < count else None

    return first, link


def deployments(call: ReplicateCall) -> Json:
    """One page of the deployments."""
    listed = call.truth.all_deployments
    first, link = _offsets(call, len(listed))
    shown = list(enumerate(listed))[max(first, 0) :][:PAGE]
    results = [_deployment(call, number, deployment) for number, deployment in shown]
    return {"next": link(first + PAGE), "previous": link(first - PAGE), "results": results}


def hardware(_call: ReplicateCall) -> list[Json]:
    """Every kind of hardware."""
    return [{"name": name, "sku": sku} for sku, name in HARDWARE.items()]


def trainings(call: ReplicateCall) -> Json:
    """One page of the trainings, the newest first."""
    listed = list(trainings_before(call.truth, call.now))[::-1]
    first, link = _offsets(call, len(listed))
    results = [training_record(training, call.now) for training in listed[max(first, 0) :][:PAGE]]
    return {"next": link(first + PAGE), "previous": link(first - PAGE), "results": results}
