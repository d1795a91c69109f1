"""`connect`, the Test button and the form where a key has parts, and where an identity is none of ours."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kit.cumulus import CUMULUS, START
from kit.issuers import KEY_FILE, ROLE, Issuers, issuing
from sqlalchemy import Engine

from usage_ledger import model as m
from usage_ledger.airflow import onboarding
from usage_ledger.airflow.hooks import ProviderHook
from usage_ledger.airflow.provider_info import get_provider_info
from usage_ledger.cli.arguments import WrongUsage, read_key
from usage_ledger.cli.settings import connection_settings
from usage_ledger.connections import find_connection
from usage_ledger.core.errors import ConfigError
from usage_ledger.http.auth import auth_of
from usage_ledger.http.credential import Credential, Machine
from usage_ledger.providers import PROVIDERS

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYCONNECT"
TOKEN = "FwoGZXIvYXdzEBYaDTokenOfTheForm/+="
SETTINGS = (
    m.Setting("access_key_id", "Access key id", "The key's id.", r"[A-Z0-9]{4,40}", required=True, part_of_key=True),
    m.Setting("session_token", "Session token", "Of temporary keys.", r"[!-~]+", secret=True, part_of_key=True),
    m.Setting("role_arn", "Role", "A role to assume.", r"arn:[!-~]{1,200}"),
    m.Setting("regions", "Regions", "Regions to read.", r"[a-z0-9-]{1,20}", repeated=True, required=True),
)
AUDIENCE = "monitoring/eu-central-1"
[REPORT] = CUMULUS.reports
NIMBUS = replace(
    CUMULUS,
    name="nimbus",
    title="Nimbus",
    auth=m.SigV4(),
    settings=SETTINGS,
    accounts=replace(CUMULUS.accounts, request=m.Request("/v1/account", audience=AUDIENCE)),
    reports=(
        replace(REPORT, source=m.HttpPages(m.Request("/v1/usage", (("from", "{start_epoch}"),), audience=AUDIENCE))),
    ),
)
PLAIN = ("access_key_id=AKIACONNECT", "regions=eu-central-1,us-east-1", "regions=us-west-2")


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(PROVIDERS, "nimbus", NIMBUS)
    monkeypatch.setenv("USAGE_LEDGER_CONNECTIONS", str(tmp_path))


@pytest.fixture
def nimbus(monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuers]:
    """The provider, whose answers are of account `acme`."""
    with issuing() as running:
        row = {"start": START, "end": START + 86_400, "model": "m", "tokens": "1"}
        running.data = lambda request: (
            200,
            json.dumps({"id": "acme"} if "account" in request.path else {"rows": [row], "next": None}),
        )
        monkeypatch.setenv("USAGE_LEDGER_ALLOWED_HOSTS", running.url.removeprefix("http://"))
        yield running


def test_settings_go_to_the_file_or_with_the_key() -> None:
    settings = connection_settings(NIMBUS, (*PLAIN, "session_token", f"role_arn={ROLE}"), own_key=True)
    assert settings.in_file == {"regions": ["eu-central-1", "us-east-1", "us-west-2"], "role_arn": ROLE}
    assert settings.with_key == {"access_key_id": "AKIACONNECT"}
    labels: list[str] = []
    assert settings.ask(lambda label: labels.append(label) or TOKEN) == {
        "access_key_id": "AKIACONNECT",
        "session_token": TOKEN,
    }
    assert labels == ["Session token"]
    assert connection_settings(NIMBUS, ("regions=a",), own_key=False).with_key == {}


@pytest.mark.parametrize(
    ("options", "own_key", "text"),
    [
        (("region=a",), True, "no setting 'region'.*access_key_id, session_token, role_arn, regions"),
        ((f"session_token={TOKEN}", *PLAIN), True, "session_token is a secret.*`--setting session_token`"),
        (("regions", "access_key_id=AKIA"), True, "regions is no secret.*`--setting regions=value`"),
        (("regions=a",), True, "access_key_id is missing: The key's id.*`--setting access_key_id=…`"),
        (("access_key_id=a b",), True, "access_key_id 'a b' is not allowed"),
        (PLAIN, False, "access_key_id belongs to an own key.*--credential"),
    ],
)
def test_a_wrong_setting_is_one_line_that_helps(options: tuple[str, ...], own_key: bool, text: str) -> None:
    with pytest.raises(WrongUsage, match=text) as caught:
        connection_settings(NIMBUS, options, own_key=own_key)
    assert TOKEN not in str(caught.value)


def test_a_secret_of_a_wrong_form_is_refused_and_not_shown() -> None:
    settings = connection_settings(NIMBUS, (*PLAIN, "session_token"), own_key=True)
    with pytest.raises(WrongUsage, match="session_token is not allowed") as caught:
        settings.ask(lambda _: "a secret with blanks")
    assert "blanks" not in str(caught.value)


def test_a_key_is_a_line_and_a_key_file_is_all_of_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(KEY_FILE, indent=2)
    for auth, key in ((m.SigV4(), "{"), (m.ServiceAccount(("x",)), text)):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{text}\n"))
        assert read_key(replace(NIMBUS, auth=auth)) == key


def connect(engine: Engine, monkeypatch: pytest.MonkeyPatch, own: Credential | None, **more: Any) -> list[Credential]:
    """What `connect` of `mine` stores in Airflow."""
    stored: list[Credential] = []
    for name in ("require_encryption", "ensure_pools"):
        monkeypatch.setattr(onboarding, name, lambda *_: None)
    monkeypatch.setattr(onboarding, "store_connection", lambda *arguments: stored.append(arguments[-1]))
    document = {"provider": "nimbus", "account": "acme", "settings": {"regions": ["eu-central-1"]}} | more
    onboarding.connect("mine", document, own, engine=engine)
    return stored


def test_a_key_of_parts_is_stored_whole_and_the_file_holds_none_of_it(
    nimbus: Issuers, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = Credential(SECRET, {"access_key_id": "AKIACONNECT", "session_token": TOKEN}, nimbus.url)
    assert connect(engine, monkeypatch, own) == [own]
    written = (tmp_path / "mine.yaml").read_text(encoding="utf-8")
    assert "eu-central-1" in written
    assert not [part for part in (SECRET, TOKEN, "AKIACONNECT") if part in written]
    assert {request.headers["x-amz-security-token"] for request in nimbus.requests} == {TOKEN}
    renewed = replace(own, settings={"access_key_id": "AKIARENEWED"})
    assert connect(engine, monkeypatch, renewed) == [renewed]
    assert "AKIARENEWED/" in nimbus.requests[-1].headers["authorization"]
    assert (tmp_path / "mine.yaml").read_text(encoding="utf-8") == written
    with pytest.raises(ConfigError, match=r"mine\.yaml says otherwise: it has its own key"):
        connect(engine, monkeypatch, None, credential="machine")


def test_another_connections_identity_is_verified_and_nothing_is_stored(
    nimbus: Issuers, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = {"conn_type": "aws", "login": "AKIATEAM", "password": SECRET, "extra": {"endpoint_url": nimbus.url}}
    monkeypatch.setenv("AIRFLOW_CONN_TEAM", json.dumps(team))
    assert connect(engine, monkeypatch, None, credential="team") == []
    assert find_connection("mine").credential == "team"
    assert "AKIATEAM/" in nimbus.requests[0].headers["authorization"]
    assert connect(engine, monkeypatch, None, credential="team") == []
    with pytest.raises(ConfigError, match=r"`credential: team` .*: change `credential`"):
        connect(engine, monkeypatch, Credential(SECRET, {"access_key_id": "AKIA"}, nimbus.url))


def test_the_test_button_adds_the_settings_of_the_accounts_file(
    nimbus: Issuers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Stored:
        host, password = nimbus.url, SECRET
        login = "acme"
        extra_dejson: dict[str, str] = {"access_key_id": "AKIAFORM"}  # noqa: RUF012

    class Hook(ProviderHook):
        conn_type = "nimbus"

        def get_connection(self, _connection_id: str) -> Stored:  # type: ignore[override]
            return Stored()

    good, sentence = Hook("drawn_at_random").test_connection()
    assert (good, "settings.regions" in sentence) == (False, True)
    (tmp_path / "mine.yaml").write_text("provider: nimbus\naccount: acme\nsettings: {regions: [eu-central-1]}\n")
    assert Hook("drawn_at_random").test_connection() == (True, "the key is valid and sees account acme")
    Stored.login, Stored.extra_dejson = (
        "",
        {"account": "acme", "regions": "eu-central-1"},
    )  # as earlier versions stored it
    good, sentence = Hook("drawn_at_random").test_connection()
    assert (good, "no access_key_id" in sentence) == (False, True)


def test_the_form_has_a_field_for_each_part_of_a_key() -> None:
    [form] = [one for one in get_provider_info()["connection-types"] if one["connection-type"] == "nimbus"]
    assert form["ui-field-behaviour"]["relabeling"]["password"] == "Secret access key"
    assert form["ui-field-behaviour"]["relabeling"]["login"] == "Account"
    assert list(form["conn-fields"]) == ["access_key_id", "session_token", "role_arn", "regions"]
    assert form["conn-fields"]["session_token"]["schema"]["format"] == "password"


@pytest.mark.parametrize(
    ("auth", "key", "module", "extra"),
    [
        (m.SigV4(), SECRET, "botocore.auth", "bedrock"),
        (m.ClientCredentials("s"), Machine(), "azure.identity", "azure"),
        (m.ServiceAccount(("s",)), json.dumps(KEY_FILE), "google.auth.exceptions", "vertex"),
    ],
)
def test_without_the_vendors_library_a_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, tmp_path: Path, auth: m.Auth, key: Any, module: str, extra: str
) -> None:
    provider = replace(NIMBUS, auth=auth)
    monkeypatch.setitem(PROVIDERS, "nimbus", provider)
    monkeypatch.setitem(sys.modules, module, None)
    words = rf'pip install "usage-ledger\[{extra}\]"'
    with pytest.raises(ConfigError, match=words):
        auth_of(provider, Credential(key, {"access_key_id": "AKIA"}))
    own = None if isinstance(key, Machine) else Credential(key, {"access_key_id": "AKIA"})
    with pytest.raises(ConfigError, match=words):
        connect(engine, monkeypatch, own, **({} if own else {"credential": "machine"}))
    assert list(tmp_path.iterdir()) == []


IMPORTS = """
import sys
import usage_ledger.airflow.tasks, usage_ledger.airflow.identity, usage_ledger.pipeline.run
from usage_ledger.http.client import Client
from usage_ledger.http.credential import Credential
from usage_ledger.providers.fireworks import FIREWORKS
with Client(FIREWORKS, base_url="http://127.0.0.1:1", credential=Credential("fw_0123456789abcdef"), account="a"):
    pass
vendors = ("botocore", "boto3", "azure", "msal", "google.auth", "google.oauth2", "jwt")
print([name for name in vendors if name in sys.modules])
"""


def test_a_task_of_a_provider_with_a_plain_key_imports_no_vendors_library() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "[]"
