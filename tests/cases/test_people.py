"""Of people only what is declared is stored, whatever else an answer says of them."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from kit.answering import Account, Answer, sample

from usage_ledger.core.pseudonym import pseudonym
from usage_ledger.storage.landing import landed_folders
from usage_ledger.storage.manifest import manifest_of

DAY = date(2026, 11, 10)
PAT = "pat.nested@example.com"


def users(account: Account, **yaml: Any) -> Account:
    """The account after a run that read the list of users; every other list is empty."""
    account.server.answers["/organization/users"] = Answer(sample("openai-users-nested-email"))
    account.server.answers["/projects"] = Answer({"data": [], "has_more": False})
    day = {"start_time": 1794268800, "end_time": 1794355200, "results": []}
    account.server.answers["/moderations"] = Answer({"data": [day], "has_more": False})
    account.run(DAY, reports=("moderations",), **yaml)
    return account


def test_of_a_user_only_the_declared_fields_are_stored(account: Callable[..., Account]) -> None:
    openai = users(account("openai"))
    raw = openai.raw()
    assert b"@example.com" not in raw
    assert b"p.png" not in raw
    assert openai.query("SELECT id, name FROM ledger.name WHERE connection_id = %s") == [("user-2", "Pat Doe")]
    page = next(json.loads(one) for one in raw.split(b"\n") if b"user-2" in one)
    assert page["data"][1] == {
        "object": "organization.user",
        "id": "user-2",
        "name": "Pat Doe",
        "role": "reader",
        "added_at": 2,
    }
    manifests = [manifest_of(folder) for folder in landed_folders(openai.root, "openai", openai.connection_id)]
    (manifest,) = [one for one in manifests if one.report == "users"]
    assert {"data/*/id", "data/*/name", "data/*/role", "has_more"} <= set(manifest.keep)
    assert {"data.user", "data.projects", "data.is_default"} <= set(manifest.dropped)
    (news,) = [message for _, _, message in openai.events() if "`data.user`" in message]
    assert news == "the list holds `data.user`, which is not declared; it was not stored"


def test_people_in_clear_are_still_only_what_is_declared(account: Callable[..., Account]) -> None:
    assert b"@example.com" not in users(account("openai"), people="clear").raw()


def billing(account: Account, **yaml: Any) -> Account:
    """A row with addresses where nothing is declared, twice."""
    body = json.loads(sample("fw-row-without-api-key"))
    for row in body["serverlessCosts"]:
        row |= {"group": {"api_key_id": "key_1", **row["group"]}, "requestedBy": {"email": PAT, f"to {PAT}": 1}}
    account.server.answers["/users"] = Answer({"users": []})
    account.server.answers["/billingUsage"] = Answer(body)
    account.run(DAY, reports=("usage",), **yaml)
    account.run(DAY, reports=("usage",), **yaml)
    return account


def test_an_address_where_nothing_is_declared_becomes_a_pseudonym_and_is_reported_once(
    account: Callable[..., Account],
) -> None:
    fireworks = billing(account("fireworks"))
    raw = fireworks.raw()
    assert b"@example.com" not in raw
    assert raw.count(pseudonym(PAT).encode()) >= 4
    told = [message for kind, _, message in fireworks.events() if kind == "address_replaced"]
    assert told == ["`serverlessCosts.requestedBy` is not declared and held e-mail addresses; pseudonyms are stored"]
    assert fireworks.days("usage") == {DAY: "loaded"}


def test_people_in_clear_keep_their_addresses(account: Callable[..., Account]) -> None:
    fireworks = billing(account("fireworks"), people="clear")
    assert fireworks.raw().count(PAT.encode()) >= 4
    assert [kind for kind, _, _ in fireworks.events() if kind == "address_replaced"] == []


@pytest.mark.parametrize("status", [400, 403, 500, 200])
def test_an_address_in_an_error_is_neither_stored_nor_logged(
    account: Callable[..., Account], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    fireworks = account("fireworks")
    fireworks.server.answers["/billingUsage"] = Answer({"message": f"{PAT} may not read this"}, status)
    ran = fireworks.run(DAY, reports=("usage",))
    assert any(pseudonym(PAT) in str(failure) for failure in ran.failures)
    told = fireworks.query("SELECT error_message FROM ops.load WHERE connection_id = %s AND report = 'usage'")
    assert PAT not in f"{ran.failures} {told} {fireworks.events()} {caplog.text}"


def test_a_web_page_that_names_a_person_is_quoted_without(account: Callable[..., Account]) -> None:
    fireworks = account("fireworks")
    fireworks.server.answers["/billingUsage"] = Answer(f"<html>{'x' * 170} {PAT} is signed in".encode())
    ran = fireworks.run(DAY, reports=("usage",))
    assert ran.failures
    assert "pat.nested" not in " ".join(map(str, ran.failures))


def test_nothing_of_people_is_on_disk_in_another_form(account: Callable[..., Account]) -> None:
    fireworks = billing(account("fireworks"))
    for path in Path(fireworks.root).rglob("*"):
        assert not path.is_file() or b"@example.com" not in path.read_bytes()
