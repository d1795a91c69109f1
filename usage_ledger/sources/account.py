"""Whose answers these are: whether a credential is of the right kind and belongs to the connection's account."""

from collections.abc import Iterator
from copy import copy
from typing import Any
from weakref import WeakKeyDictionary

from usage_ledger.connections import Connection
from usage_ledger.core.contract_errors import Shape
from usage_ledger.core.errors import TryAgain, UsageLedgerError
from usage_ledger.core.provider_errors import ABSENT, BadKey, BadRequest, NoPermission, WrongAccount
from usage_ledger.http.client import Client
from usage_ledger.http.page import Page
from usage_ledger.json.document import document_of
from usage_ledger.json.packed import Packed
from usage_ledger.json.parts import parts
from usage_ledger.json.text import plain
from usage_ledger.json.value import value_at
from usage_ledger.model.provider import Report
from usage_ledger.sources.listing import Thing, items_of, list_things, single_values

_proofs: WeakKeyDictionary[Client, str | UsageLedgerError] = WeakKeyDictionary()
"""What asking for the account came to: '' when it is proved, or why the provider does not tell; or the failure."""


def prove_account(connection: Connection, client: Client) -> str:
    """Prove once a client, and so once a run or task, that the key belongs to the account: before anything is landed.

    Returns '' when the account is proved or the provider has no word for it, else why it does not tell this key: then
    the key may read facts all the same, and its answers are believed. Raises `WrongAccount`, `BadKey`, and the errors
    of `Client.ask`, the same again without another request.
    """
    if not connection.declared.accounts.id:
        return ""
    if client not in _proofs:
        try:
            _proofs[client] = verify_account(connection, client)
        except UsageLedgerError as error:
            _proofs[client] = copy(error)
    proof = _proofs[client]
    if isinstance(proof, str):
        return proof
    raise copy(proof)  # a copy, because each window adds its own name to what it raises


def verify_account(connection: Connection, client: Client) -> str:
    """Ask whose the key is, and whether it is of the right kind; a wrong account id may answer 200 elsewhere.

    Returns '' or why the provider does not tell this key: it answered 403 or 404, or has no ids and does not answer.
    Raises `WrongAccount`, naming the accounts that the key has access to, `BadKey`, and the errors of `Client.ask`.
    """
    listing = connection.declared.accounts
    try:
        things = _things(connection, client)
    except NoPermission as error:
        return error.what
    except BadRequest as error:
        if error.status != ABSENT:
            raise
        return error.what
    except TryAgain as error:
        if listing.id:
            raise
        return error.what
    accounts = {thing.labels[listing.label] for thing in things} if listing.id else {connection.account}
    if connection.account in accounts:
        _require_parts(connection, things)
        return ""
    if not accounts and listing.may_be_empty:
        return "it names no account yet"
    visible = ", ".join(sorted(accounts)[:10]) or "none"
    provider = connection.declared
    rights = f"give it the rights that docs/providers/{provider.name}.md names, then run again" if not accounts else ""
    raise WrongAccount(
        f"the key does not see account {connection.account}; it sees: {visible}",
        next_step=rights,
        connection=connection.id,
    )


def _require_parts(connection: Connection, things: list[Thing]) -> None:
    """Refuse a part of the account that the key does not see. Raises `WrongAccount`."""
    declared = connection.declared.account_parts
    if declared is None:
        return
    label = connection.declared.accounts.label
    visible = {str(value_at(one.item, declared.id)) for one in things if one.labels[label] == connection.account}
    missing = sorted({*connection.setting_values(declared.setting)} - visible)
    if missing:
        raise WrongAccount(
            f"the key does not see {', '.join(missing[:10])} of account {connection.account}, which "
            f"`settings.{declared.setting}` names; it sees: {', '.join(sorted(visible)[:10])}",
            connection=connection.id,
        )


def _things(connection: Connection, client: Client) -> list[Thing]:
    """The accounts that the key has access to. Raises `BadKey` for a key of the wrong kind."""
    provider = connection.declared
    accounts: list[Thing] = []
    values = single_values(connection.settings)
    for page, things in list_things(client, provider.accounts, values, connection.settings):
        if page is None:
            continue
        accounts += things
        flags = [item.get(flag) for item in items_of(page, provider.accounts) for flag in provider.key_flags]
        if flags and True not in flags:
            raise BadKey(
                "the key is valid, but of the wrong kind",
                connection=connection.id,
                next_step=f"use {provider.key_help}",
            )
        if not provider.accounts.id:
            break
    return accounts


def require_own_rows(connection: Connection, report: Report, page: Page) -> None:
    """Refuse a page whose rows tell another account than the connection's. Raises `WrongAccount`."""
    if not report.account or page.role != "rows":
        return
    for body in parts(page.body.chunks()) if isinstance(page.body, Packed) else (page.body,):
        try:
            document = document_of(plain(body), "the answer")
        except Shape:
            return  # landed all the same, for transform to name what is wrong
        others = set(_values(document, report.account.split("/"))) - {connection.account}
        if others:
            visible = ", ".join(sorted(others)[:10])
            raise WrongAccount(f"the key does not see account {connection.account}; it sees: {visible}")


def _values(value: Any, path: list[str]) -> Iterator[str]:
    """The texts at a path; its `*` are the elements of a list, its numbers the places of one."""
    if not path:
        if isinstance(value, str) and value:
            yield value
    elif path[0] == "*":
        for element in value if isinstance(value, list) else ():
            yield from _values(element, path[1:])
    elif isinstance(value, list):
        if path[0].isdecimal() and int(path[0]) < len(value):
            yield from _values(value[int(path[0])], path[1:])
    elif isinstance(value, dict):
        yield from _values(value.get(path[0]), path[1:])
