"""Whether the names are there without which a report cannot be asked for."""

from dataclasses import replace

import msgspec

from usage_ledger.core.contract_errors import ContractBroken, Shape
from usage_ledger.core.errors import one_line
from usage_ledger.core.provider_errors import NotWhole
from usage_ledger.http.client import Client
from usage_ledger.http.fill import Values
from usage_ledger.http.page import Page
from usage_ledger.model.source import Discovery

SHOWN = 5
"""How many of the names that are there an error shows."""


def discover(client: Client, declared: Discovery, values: Values) -> tuple[Page, bool]:
    """The page with the list of names, and whether it is empty: then nothing at all is stored of the window.

    Raises `ContractBroken` when names are there and a required one is not, `NotWhole` and `Shape` for an answer without
    the list, and what `Client.ask` does.
    """
    call = client.call_of(declared.request, values)
    page = client.ask(call, inspect=lambda one: _require_list(declared, one))
    names = _names(declared, page)
    missing = [name for name in declared.names if name not in names]
    if names and missing:
        there = ", ".join(sorted(names)[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
        raise ContractBroken(
            f"the provider has no {', '.join(missing)}, but {one_line(there, 400)}", next_step=declared.otherwise
        )
    return replace(page, role="discovery"), not names


def _require_list(declared: Discovery, page: Page) -> None:
    if bytes(page.fields.get(declared.items, b"null")) == b"null":
        raise NotWhole(f"the answer of {page.call.path} has no `{declared.items}`, which the provider always sends")


def _names(declared: Discovery, page: Page) -> set[str]:
    try:
        return set(msgspec.json.decode(page.fields[declared.items], type=list[str]))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Shape(f"`{declared.items}` of {page.call.path} is not a list of names") from error
