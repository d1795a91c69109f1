"""What `connect`, `check` and the Test button ask of each provider, and what they say of a key."""

from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path

import pytest
from spoiled import NOW, Desk, ending, truth_of
from sqlalchemy import Engine

from usage_ledger.airflow import hooks, onboarding
from usage_ledger.airflow.hooks import ProviderHook
from usage_ledger.airflow.onboarding import readable
from usage_ledger.connections import Connection
from usage_ledger.core import errors, provider_errors, windows
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.model import Objects, Provider
from usage_ledger.providers import PROVIDERS
from usage_ledger.sources.account import verify_account

each_provider = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
Desks = Callable[[Provider], Desk]


def client_of(desk: Desk, key: str = "", account: str = "") -> tuple[Connection, Client]:
    name = account or desk.account
    settings = desk.truth.settings
    connection = Connection(id="asked", provider=desk.provider, account=name, settings=settings)
    client = Client(
        PROVIDERS[desk.provider],
        base_url=desk.host,
        credential=Credential(desk.truth.secret(key or desk.key), settings, host=desk.host),
        account=name,
        sleep=lambda _: None,
    )
    return connection, client


@each_provider
def test_a_good_key_can_read_every_report(desk: Desks, provider: Provider) -> None:
    connection, client = client_of(desk(provider))
    with client:
        found = readable(connection, client, NOW)
    assert found.reports == [report.name for report in provider.reports if not report.opt_in]
    assert found.refused == {}


@each_provider
def test_a_report_that_may_not_be_read_is_named_with_its_cause(desk: Desks, provider: Provider) -> None:
    at_work = desk(provider)
    report = next(one for one in provider.reports if not one.snapshot)
    if isinstance(report.source, Objects):
        pytest.skip("its facts are read from a store; tests/faults/test_objects.py refuses that")
    chosen = [one for one in provider.reports if not one.opt_in]
    others = {one.name for one in chosen if ending(one) != ending(report)}
    at_work.site.refusals[ending(report)] = [(403, b'{"error": {"message": "not you"}, "detail": "not you"}', {})] * 9
    connection, client = client_of(at_work)
    with client:
        found = readable(connection, client, NOW)
    assert "not you" in found.refused[report.name]
    assert others <= set(found.reports)


@each_provider
def test_a_key_that_does_not_open_is_refused(desk: Desks, provider: Provider) -> None:
    connection, client = client_of(desk(provider), key="not-a-key-of-anybody")
    with client, pytest.raises(provider_errors.BadKey):
        readable(connection, client, NOW)


@each_provider
def test_another_account_is_told_from_ours_where_the_provider_says_whose_the_key_is(
    desk: Desks, provider: Provider
) -> None:
    at_work, somebody = desk(provider), truth_of(provider.name, "somebody_else").account_id
    if not provider.accounts.id:
        connection, client = client_of(at_work, account=somebody, key=at_work.key)
        with client:
            assert verify_account(connection, client) == ""
        return
    with pytest.raises(provider_errors.WrongAccount, match=somebody) as refused:  # of some keys before any request
        connection, client = client_of(at_work, account=somebody, key=at_work.key)
        with client:
            verify_account(connection, client)
    assert provider.name == "fireworks" or at_work.account in refused.value.what


@pytest.mark.parametrize(
    ("name", "key", "kind"),
    [
        ("openai", "sk-proj-of-one-project", "a project's key"),
        ("openai", "sk-svcacct-of-a-service", "a service account's key"),
        ("openrouter", "sk-or-v1-plain-that-calls-models", "of the wrong kind"),
    ],
)
def test_a_key_of_another_kind_is_refused_with_the_kind_that_is_needed(
    desk: Desks, name: str, key: str, kind: str
) -> None:
    provider = PROVIDERS[name]
    with pytest.raises(provider_errors.BadKey, match=kind) as refused:
        connection, client = client_of(desk(provider), key=key)
        with client:
            readable(connection, client, NOW)
    assert provider.key_help in refused.value.next_step
    assert key not in str(refused.value)


@each_provider
def test_the_test_button_says_whose_the_key_is(
    desk: Desks, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work = desk(provider)
    monkeypatch.setenv("USAGE_LEDGER_ALLOWED_HOSTS", at_work.url.removeprefix("http://"))
    by_clock = windows.last_complete_date  # of the stand-in, whose days end while the machine's go on
    monkeypatch.setattr(windows, "last_complete_date", lambda _, zone: by_clock(NOW, zone))

    class StandInsClock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "StandInsClock":
            return cls.fromtimestamp(NOW.timestamp(), tz)

    monkeypatch.setattr(hooks, "datetime", StandInsClock)

    class Stored:
        host, password, login = at_work.host, at_work.truth.secret(at_work.key), at_work.account
        extra_dejson = {  # noqa: RUF012
            name: value if isinstance(value, str) else ", ".join(value)
            for name, value in at_work.truth.settings.items()
        }

    class Hook(ProviderHook):
        conn_type = provider.name
        default_conn_name = "asked"

        def get_connection(self, _connection_id: str) -> Stored:  # type: ignore[override]
            return Stored()

    good, told = Hook().test_connection()
    assert good, told
    assert (f"sees account {at_work.account}" in told) == bool(provider.accounts.id)
    assert f"it has no Dag yet: write `provider: {provider.name}` and `account: {at_work.account}`" in told
    Stored.password = at_work.truth.secret("not-a-key-of-anybody")
    good, told = Hook().test_connection()
    assert not good
    assert "not-a-key" not in told
    Stored.login, Stored.extra_dejson = "", {}
    assert Hook().test_connection() == (
        False,
        "fill in the account: a wrong one would look like an account without usage",
    )


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(
    desk: Desks, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work = desk(PROVIDERS["fireworks"])
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("USAGE_LEDGER_CONNECTIONS", str(tmp_path / "file" / "connections"))
    monkeypatch.setenv("USAGE_LEDGER_ALLOWED_HOSTS", at_work.url.removeprefix("http://"))
    stored: list[str] = []
    for name in ("require_encryption", "ensure_pools"):
        monkeypatch.setattr(onboarding, name, lambda *_: None)
    monkeypatch.setattr(onboarding, "store_connection", lambda connection_id, *_, **__: stored.append(connection_id))
    document = {"provider": "fireworks", "account": at_work.name}
    with pytest.raises(errors.ConfigError, match=r"key is stored, but .* cannot be written"):
        onboarding.connect("unwritable", document, Credential(at_work.key, host=at_work.url), engine=engine)
    assert stored == ["unwritable"]
