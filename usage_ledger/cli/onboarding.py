"""The commands that verify, store and remove a provider's key, and make pools."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from usage_ledger.cli.arguments import ConnectionId, Json, WrongUsage, as_usage, checked, read_key, read_secret
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.provider_errors import NoPermission

if TYPE_CHECKING:
    from usage_ledger.airflow.onboarding import Connected, Readable
    from usage_ledger.cli.settings import ConnectionSettings

UNTOLD = "; the provider does not tell whose it is"


def _say_what_is_missing(access: "Readable", provider: str) -> None:
    """What will have no names, and what the account does not have, or not by every grouping."""
    from usage_ledger.console import say
    from usage_ledger.providers import provider_named

    for name, groupings in access.lesser.items():
        say(f"{name} can be read, but not by {groupings}: the provider refuses that to this account")
    for name, why in access.absent.items():
        say(f"the account does not have {name} ({why}); it is asked for again each week")
    if kinds := access.without_names(provider_named(provider)):
        say(f"figures are complete all the same; ids of {kinds} will have no names")


def _settings_of(connection_id: str, document: dict[str, Any], options: list[str]) -> "ConnectionSettings":
    """The settings of the options, those of the file in the document, which is checked. Raises `WrongUsage`."""
    from usage_ledger.cli.settings import connection_settings
    from usage_ledger.connections import connection_from
    from usage_ledger.providers import PROVIDERS

    if document["provider"] not in PROVIDERS:
        as_usage(lambda: connection_from(connection_id, document, "the command"))
    own_key = "credential" not in document
    settings = connection_settings(PROVIDERS[document["provider"]], options, own_key=own_key)
    if settings.in_file:
        document["settings"] = settings.in_file
    as_usage(lambda: connection_from(connection_id, document, "the command"))
    return settings


def connect(
    provider: Annotated[str, typer.Argument(help="The provider's name, such as fireworks.")],
    connection_id: ConnectionId,
    account: Annotated[str, typer.Option(help="The provider's own id of the account.")],
    timezone: Annotated[str, typer.Option(help="Day boundary: an IANA time zone.")] = "UTC",
    at: Annotated[str, typer.Option(help="Local time of the daily run.")] = "03:00",
    start_date: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="History to fill.")] = None,
    host: Annotated[str | None, typer.Option(help="Another base URL; must be allowed.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A setting of the provider; a secret has no value.")
    ] = None,
    credential: Annotated[
        str | None, typer.Option(metavar="ID|machine", help="No own key: an Airflow connection's, or this machine's.")
    ] = None,
) -> None:
    """Verify a key, store it in Airflow, and write the connection's YAML. The key is asked for, or read from input."""
    from usage_ledger.airflow.onboarding import connect as add
    from usage_ledger.cli.context import command_engine
    from usage_ledger.console import day_option, say
    from usage_ledger.http.credential import Credential
    from usage_ledger.providers import provider_named

    if credential and host:
        raise WrongUsage("a host is stored with an own key", next_step="leave out --host or --credential")
    document: dict[str, Any] = {"provider": provider, "account": account, "timezone": timezone, "at": at}
    if start_date:
        document["start_date"] = day_option(start_date, "--start-date")
    if credential:
        document["credential"] = credential
    settings = _settings_of(connection_id, document, setting or [])
    engine = command_engine()
    own = None if credential else Credential(read_key(provider_named(provider)), settings.ask(read_secret), host)
    done = add(connection_id, document, own, engine=engine)
    say(f"connected {connection_id}: account {account} can read {', '.join(done.readable.reports)}")
    _say_what_was_done(connection_id, provider, done, timezone, own_key=own is not None)


def _say_whose_days(provider: str, done: "Connected", timezone: str) -> None:
    """Which reports have days of UTC, where another time zone was named."""
    from usage_ledger.console import say
    from usage_ledger.providers import provider_named

    reports = [
        one for one in provider_named(provider).reports if one.name in done.readable.reports and not one.snapshot
    ]
    in_utc = [one.name for one in reports if one.day == "UTC"]
    if in_utc and timezone != "UTC":
        rest = "" if len(in_utc) == len(reports) else f", and the other reports' days are those of {timezone}"
        say(f"days of {', '.join(in_utc)} are those of UTC; {timezone} says when the daily run starts{rest}")


def _say_what_was_done(connection_id: str, provider: str, done: "Connected", timezone: str, *, own_key: bool) -> None:
    from usage_ledger.console import say
    from usage_ledger.providers import provider_named

    lists = {report.name for report in provider_named(provider).reports if report.snapshot}
    for name, why in done.readable.refused.items():
        say(f"left out {name}: {why}" if done.new and name not in lists else f"it cannot read {name}: {why}")
    _say_what_is_missing(done.readable, provider)
    _say_whose_days(provider, done, timezone)
    if done.new:
        say(f"wrote {done.path}; the Dag usage_{connection_id} appears within a minute of a running Airflow")
    else:
        say(f"{'the key is replaced' if own_key else 'no key is stored'}; {done.path} is unchanged")
    say(f"try it now: usage-ledger run {connection_id}")


def check(connection_id: ConnectionId, json: Json = False) -> None:
    """Verify a connection's key and say what it can read."""
    from usage_ledger.airflow.onboarding import readable
    from usage_ledger.airflow.store import DEFAULT_POOL, missing_pools
    from usage_ledger.cli.context import command_client
    from usage_ledger.console import print_json, say

    connection, client = command_client(checked(connection_id))
    with client:
        access = readable(connection, client)
    pools = missing_pools()
    if json:
        print_json(
            {"connection_id": connection_id, "reads": access.reports, "refused": access.refused, "missing_pools": pools}
        )
    else:
        whose = f" and sees account {connection.account}"
        say(f"{connection_id}: the key is valid{whose if access.proves_account else UNTOLD}")
        say(f"it can read {', '.join(access.reports)}")
        for name, why in access.refused.items():
            say(f"it cannot read {name}: {why}")
        _say_what_is_missing(access, connection.provider)
    if lacking := [pool for pool in pools if pool in (connection.provider, DEFAULT_POOL)]:
        raise ConfigError(
            f"Airflow has no pool {' and no pool '.join(lacking)} with a slot; tasks would wait for ever",
            next_step="run `usage-ledger pools`, or give the pool slots under Admin, Pools",
        )
    chosen = [report.name for report in connection.chosen_reports if not report.snapshot]
    if refused := [name for name in chosen if name in access.refused]:
        raise NoPermission(f"the key may not read {', '.join(refused)}", connection=connection_id)


def disconnect(connection_id: ConnectionId) -> None:
    """Delete the stored key at once; the data stay."""
    from usage_ledger.airflow.onboarding import disconnect as remove
    from usage_ledger.cli.context import command_engine
    from usage_ledger.console import say

    gone, path = remove(checked(connection_id), command_engine())
    if not gone and path is None:
        raise ConfigError(f"there is no connection {connection_id!r}", next_step="see `usage-ledger status`")
    say(f"deleted the key of {connection_id}" if gone else f"Airflow held no key of {connection_id}")
    if path is not None:
        say(f"removed {path}; the data stay")


def pools() -> None:
    """Make every provider's Airflow pool that is missing."""
    from usage_ledger.airflow.store import ensure_pools
    from usage_ledger.cli.context import require_stack_database
    from usage_ledger.console import say

    require_stack_database()
    created = ensure_pools()
    say(f"created the pools {', '.join(created)}" if created else "every pool exists")
