"""What the demo leaves behind, until its connections are disconnected."""

from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from usage_ledger.core.errors import ConfigError, Unreachable
from usage_ledger.local import demo, stack


def test_the_sandbox_is_wanted_while_a_connection_of_the_demo_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USAGE_LEDGER_CONNECTIONS", str(tmp_path))
    (tmp_path / "acme.yaml").touch()
    assert not demo.is_left()
    (tmp_path / "openai_demo.yaml").touch()
    assert demo.is_left()


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


@pytest.mark.parametrize("done", [True, False])
def test_a_run_that_got_no_answer_is_looked_for(monkeypatch: pytest.MonkeyPatch, done: bool) -> None:
    api = SlowApi((done, None))
    monkeypatch.setattr(stack, "AirflowApi", lambda: api)
    if done:
        demo.load_range([date(2026, 11, 1)])
    else:
        with pytest.raises(Unreachable):
            demo.load_range([date(2026, 11, 1)])
    assert api.posts == 1


def test_an_airflow_that_does_not_answer_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "address", lambda: "http://127.0.0.1:9")
    monkeypatch.setattr(stack, "_password", lambda: "x")
    with pytest.raises(Unreachable, match=r"Airflow did not answer POST /auth/token \(Connection refused\)"):
        stack.AirflowApi()
