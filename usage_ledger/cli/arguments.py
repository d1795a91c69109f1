"""What several commands take, and what they answer with: arguments, the key, exit codes."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from usage_ledger.core.errors import BadWindow, ConfigError

if TYPE_CHECKING:
    from usage_ledger.model.provider import Provider

DONE, FAILED, WRONG_USAGE, HELD = 0, 1, 2, 3

ConnectionId = Annotated[str, typer.Argument(metavar="ID", help="The connection's id: the stem of its YAML file.")]
Strict = Annotated[bool, typer.Option("--strict", help="Let Great Expectations check every table, as in Airflow.")]
Json = Annotated[bool, typer.Option("--json", help="Data as JSON on standard output.")]


class WrongUsage(ConfigError):
    """The command's own words are wrong."""


def require_dates(first: str | None, last: str | None) -> None:
    """Refuse what no connection can make right, before anything large is imported. Raises `BadWindow`."""
    from usage_ledger.console import day_option

    begin = None if first is None else day_option(first, "--from")  # each by itself before both together
    end = None if last is None else day_option(last, "--to")
    if (begin is None) != (end is None):
        raise BadWindow("only one of --from and --to is given", next_step="give both, or neither")
    if begin is not None and end is not None and begin > end:
        raise BadWindow(f"--from {first} is after --to {last}", next_step="swap them")


def as_usage(work: Any) -> Any:
    """The result of `work`; a `ConfigError` in it is a wrong use of the command."""
    try:
        return work()
    except ConfigError as error:
        raise WrongUsage(error.what, next_step=error.next_step) from None


def checked(connection_id: str) -> str:
    """The id. Raises `WrongUsage` when no connection can be named so."""
    from usage_ledger.connections import checked_id

    return str(as_usage(lambda: checked_id(connection_id)))


def read_secret(label: str) -> str:
    """A secret, without echo from a terminal, else the next line of standard input."""
    import getpass

    if sys.stdin.isatty():
        return getpass.getpass(f"{label}: ").strip()
    return sys.stdin.readline().strip()


def read_key(provider: "Provider") -> str:
    """The provider's key: a line, or a file, whose path is asked for at a terminal and which else is standard input.

    Raises `WrongUsage` for a file that cannot be read.
    """
    from usage_ledger.model.auth import ServiceAccount

    if not isinstance(provider.auth, ServiceAccount):
        return read_secret(f"{provider.auth.key_label} of {provider.title}")
    if not sys.stdin.isatty():
        return sys.stdin.read().strip()
    path = Path(input(f"Path of the {provider.auth.key_label} of {provider.title}: ").strip())
    try:
        return path.expanduser().read_text(encoding="utf-8").strip()
    except OSError as error:
        raise WrongUsage(f"the file {path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise WrongUsage(f"the file {path} is not UTF-8 text") from None
