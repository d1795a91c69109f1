"""Whom the demo connects, how it asks Airflow, and what it leaves behind until its connections are disconnected."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from usage_ledger import cli
from usage_ledger.connections import connection_from
from usage_ledger.core.errors import ConfigError, Unreachable
from usage_ledger.core.project import ROOT
from usage_ledger.local import accounts, demo, stack
from usage_ledger.providers import PROVIDERS


def test_the_sandbox_is_wanted_while_a_connection_of_the_demo_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USAGE_LEDGER_CONNECTIONS", str(tmp_path))
    (tmp_path / "acme.yaml").touch()
    assert not accounts.is_left()
    (tmp_path / "groq_demo.yaml").touch()
    assert accounts.is_left()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ("fireworks", "openai", "aws_bedrock")),
        ("all", tuple(PROVIDERS)),
        ("groq", ("groq",)),
        ("groq, openai groq", ("openai", "groq")),
        ("all,groq", tuple(PROVIDERS)),
    ],
)
def test_providers_are_chosen_by_name(text: str, names: tuple[str, ...]) -> None:
    assert accounts.chosen_providers(text) == names


def test_an_unknown_provider_is_refused_with_the_allowed_names() -> None:
    with pytest.raises(ConfigError) as error:
        accounts.chosen_providers("groq,bedrock")
    assert str(error.value).startswith("there is no provider 'bedrock': use one or more of: fireworks, openai, ")
    assert all(name in str(error.value) for name in (*PROVIDERS, "all"))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_has_an_account_that_its_declaration_accepts(provider: str) -> None:
    document, credential = accounts.invented_account(provider, "fw_key", "http://127.0.0.1:8600")
    declared = {setting.name: setting for setting in PROVIDERS[provider].settings}
    connection = connection_from(f"{provider}_demo", yaml.safe_load(yaml.safe_dump(document)), "demo.yaml")
    assert set(credential.settings) == {
        name for name, one in declared.items() if one.part_of_key and (one.required or name in credential.settings)
    }
    required = {name for name, one in declared.items() if one.required}
    assert required <= {*connection.settings, *credential.settings}
    assert "fw_key" not in str(document)
    assert str(credential.host).startswith("http://127.0.0.1:8600")


def test_the_sandbox_says_how_to_connect_and_what_a_connection_stores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key").write_text("fw_key\n", encoding="utf-8")
    for provider in ("groq", "authress"):
        cli.sandbox.sandbox(account=["acme"], key_file=tmp_path / "key", key_of=provider)
    groq, authress = capsys.readouterr().out.splitlines()
    assert groq == "fw_key"
    assert authress.split(".")[2] == "acme"
    host = "http://127.0.0.1:8601"
    command = accounts.sandbox_command("aws_bedrock", host=host, account="acme")
    assert re.fullmatch(
        r"usage-ledger connect aws_bedrock acme_aws_bedrock --account \d{12} --host http://127.0.0.1:8601 "
        r"--setting regions=eu-central-1,us-east-1 --setting access_key_id=AKIA[0-9A-F]{16}",
        command,
    )
    assert f"--host {host}/authress --setting events=file:///" in accounts.sandbox_command("authress", host=host)


def test_the_makefile_removes_the_connections_of_every_provider() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (names,) = re.findall(r"^DEMO := (.*)$", makefile, re.MULTILINE)
    assert set(PROVIDERS) <= set(names.split())


class SlowApi:
    """Airflow on a loaded machine: a POST may be done and yet not answered. The script says which."""

    def __init__(self, *script: tuple[bool, int | None]) -> None:
        self.script, self.posts, self.backfills, self.runs = list(script), 0, [{"id": 1}], False

    def get(self, path: str, **_: Any) -> Any:
        if path.endswith("/backfills"):
            return {"backfills": self.backfills}
        if "dagRuns" in path:
            return {"state": "success"} if self.runs else None
        return {}

    def post(self, _path: str, _document: dict[str, Any]) -> httpx.Response:
        done, status = self.script[min(self.posts, len(self.script) - 1)]
        self.posts += 1
        if done:
            self.backfills = [*self.backfills, {"id": 1 + self.posts}]
            self.runs = True
        if status is None:
            raise Unreachable("Airflow did not answer POST /backfills (nothing comes)")
        return httpx.Response(status)


@pytest.mark.parametrize(
    ("script", "posts"),
    [
        ([(True, 200)], 1),
        ([(True, None)], 1),
        ([(False, None), (True, 200)], 2),
        ([(False, 409), (False, None), (True, 409)], 3),
    ],
    ids=["answered", "done and not answered", "neither, and again", "another is under way"],
)
def test_a_backfill_that_got_no_answer_is_looked_for_before_it_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, script: list[tuple[bool, int | None]], posts: int
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    api = SlowApi(*script)
    demo._create_backfill(api, "usage_acme", [date(2026, 11, 1)])  # type: ignore[arg-type]
    assert api.posts == posts


def test_a_backfill_that_airflow_does_not_take_ends_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 50))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(Unreachable, match="did not answer"):
        demo._create_backfill(SlowApi((False, None)), "usage_acme", [date(2026, 11, 1)])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="refused the backfill"):
        demo._create_backfill(SlowApi((False, 422)), "usage_acme", [date(2026, 11, 1)])  # type: ignore[arg-type]


DATES = [date(2026, 11, 1), date(2026, 11, 2)]


@pytest.mark.parametrize("done", [True, False])
def test_a_run_that_got_no_answer_is_looked_for(done: bool) -> None:
    if done:
        api = SlowApi((True, None))
        demo.begin_range(api, DATES, "usage_acme")  # type: ignore[arg-type]
        demo.begin_range(api, DATES, "usage_acme")  # type: ignore[arg-type]
        assert api.posts == 1
    else:
        api = SlowApi(*[(False, None)] * 3)
        with pytest.raises(Unreachable):
            demo.begin_range(api, DATES, "usage_acme")  # type: ignore[arg-type]
        assert api.posts == 3


class Backfilled:
    """Airflow with a run for each date; `script` holds their states at each look, and the last look stays."""

    def __init__(self, *script: tuple[str, str]) -> None:
        self.script = list(script)

    def get(self, path: str, **_parameters: Any) -> Any:
        if not path.endswith("/dagRuns"):
            return {}
        states = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        pairs = zip(DATES, states, strict=True)
        return {
            "dag_runs": [{"logical_date": str(day), "run_type": "backfill", "state": state} for day, state in pairs]
        }


def test_a_wait_ends_when_nothing_more_is_loaded_not_when_all_of_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 50))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    monkeypatch.setattr("time.sleep", lambda _: None)
    slow = [*[("running", "queued")] * 3, *[("success", "running")] * 4, ("success", "success")]
    demo.backfill(Backfilled(*slow), DATES, "usage_acme", seconds=260)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"no usage date more was loaded in 260 seconds: 1 of 2 are"):
        demo.backfill(Backfilled(("success", "running")), DATES, "usage_acme", seconds=260)  # type: ignore[arg-type]


def test_the_first_run_that_failed_ends_the_wait_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    states = {"usage_a": ["running", "success"], "usage_b": ["queued", "running", "failed"]}

    class Runs:
        def get(self, path: str) -> Any:
            dag = path.split("/")[2]
            return {"state": states[dag].pop(0)}

    with pytest.raises(ConfigError, match=r"the run demo_2026-11-01_2026-11-02 of usage_b is failed: see its tasks at"):
        demo.wait_for_ranges(Runs(), DATES, list(states))  # type: ignore[arg-type]
    assert states == {"usage_a": [], "usage_b": []}  # who is done is not asked again
    states |= {"usage_a": ["success"], "usage_b": ["running", "success"]}
    demo.wait_for_ranges(Runs(), DATES, list(states))  # type: ignore[arg-type]
    states |= {"usage_a": ["running"]}
    with pytest.raises(ConfigError, match="usage_a is running"):
        demo.wait_for_ranges(Runs(), DATES, ["usage_a"], seconds=-1)  # type: ignore[arg-type]


def test_an_airflow_that_does_not_answer_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "address", lambda: "http://127.0.0.1:9")
    monkeypatch.setattr(stack, "_password", lambda: "x")
    with pytest.raises(Unreachable, match=r"Airflow did not answer POST /auth/token \(Connection refused\)"):
        stack.AirflowApi()
