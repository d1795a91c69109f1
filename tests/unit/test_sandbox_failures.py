"""Failures on order: what the sandbox answers when a person rehearses one, asked over HTTP at every provider."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from usage_ledger.cli import main
from usage_ledger.sandbox.accounts import other_accounts
from usage_ledger.sandbox.app import create_app, running
from usage_ledger.sandbox.fireworks.truth import FireworksTruth
from usage_ledger.sandbox.kit.failures import Failures

Json = Any
KEY = "opens-everything"
HEADERS = {"authorization": f"Bearer {KEY}", "x-api-key": KEY, "anthropic-version": "2023-06-01"}
NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
FIRST, EMPTY, END = date(2026, 11, 17), date(2026, 11, 18), date(2026, 11, 20)
DAY = timedelta(days=1)


def instant(day: date) -> str:
    return f"{day}T00:00:00Z"


def seconds(day: date) -> str:
    return str(int(datetime.combine(day, datetime.min.time(), UTC).timestamp()))


def bucket_rows(answer: Json, start: Callable[[Json], str]) -> list[tuple[str, Json]]:
    return [(start(bucket), row) for bucket in answer["data"] for row in bucket["results"]]


class Case(NamedTuple):
    """A provider's report: its query by window, and its rows with their UTC dates; a list; the name of the account."""

    report: str
    query: Callable[[date, date], Sequence[tuple[str, str]]]
    rows: Callable[[Json], list[tuple[str, Json]]]
    listed: str
    account: Callable[[httpx.Client], str] | None
    """None where the provider cannot tell."""
    page: tuple[str, Callable[[Json], Json]] | None = None
    """The parameter of a further page, and its token in an answer; none where the report has one page."""


def epoch_date(bucket: Json) -> str:
    return str(datetime.fromtimestamp(bucket["start_time"], UTC).date())


CASES = {
    "fireworks": Case(
        "/v1/accounts/acme/billingUsage",
        lambda first, end: [("startTime", instant(first)), ("endTime", instant(end))],
        lambda answer: [(row["startTime"][:10], row) for rows in answer.values() for row in rows],
        "/v1/accounts/acme/users",
        lambda client: client.get("/v1/accounts").json()["accounts"][0]["name"].removeprefix("accounts/"),
    ),
    "openai": Case(
        "/v1/organization/usage/completions",
        lambda first, end: [("start_time", seconds(first)), ("end_time", seconds(end)), ("group_by", "model")],
        lambda answer: bucket_rows(answer, epoch_date),
        "/v1/organization/users",
        lambda client: client.get("/v1/organization/users").headers["openai-organization"],
        ("page", lambda answer: answer["next_page"]),
    ),
    "anthropic": Case(
        "/v1/organizations/usage_report/messages",
        lambda first, end: [
            ("starting_at", instant(first)),
            ("ending_at", instant(end)),
            ("group_by[]", "model"),
            ("limit", "31"),
        ],
        lambda answer: bucket_rows(answer, lambda bucket: str(bucket["starting_at"][:10])),
        "/v1/organizations/users",
        lambda client: client.get("/v1/organizations/me").json()["id"],
        ("page", lambda answer: answer["next_page"]),
    ),
    "openrouter": Case(
        "/api/v1/activity",
        lambda _first, _end: [],
        lambda answer: [(row["date"][:10], row) for row in answer["data"]],
        "/api/v1/keys",
        None,
    ),
    "replicate": Case(
        "/v1/predictions",
        lambda first, end: [("created_after", instant(first)), ("created_before", instant(end))],
        lambda answer: [(row["created_at"][:10], row) for row in answer["results"]],
        "/v1/deployments",
        lambda client: client.get("/v1/account").json()["username"],
        ("cursor", lambda answer: httpx.URL(answer["next"]).params["cursor"]),
    ),
    "groq": Case(
        "/v1/metrics/prometheus/api/v1/query_range",
        lambda first, end: [
            ("query", "sum by (model, project_id) (model_project_id:tokens_in:rate5m)"),
            ("start", str(int(seconds(first)) + 300)),
            ("end", seconds(end)),
            ("step", "300"),
        ],
        lambda answer: [
            (epoch_date({"start_time": time - 1}), [series["metric"], time, value])
            for series in answer["data"]["result"]
            for time, value in series["values"]
        ],
        "/openai/v1/models",
        None,
    ),
}


@contextmanager
def sandbox(failures: Failures | None = None) -> Iterator[httpx.Client]:
    others = other_accounts(KEY, "acme")
    app = create_app([FireworksTruth(account="acme")], KEY, now=lambda: NOW, others=others, failures=failures)
    with running(app) as url, httpx.Client(base_url=url, headers=HEADERS, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def right() -> Iterator[httpx.Client]:
    """The sandbox without a failure."""
    with sandbox() as client:
        yield client


def asked(client: httpx.Client, case: Case, first: date = FIRST, end: date = END, **more: str) -> httpx.Response:
    return client.get(case.report, params=httpx.QueryParams([*case.query(first, end), *more.items()]))


def rows(client: httpx.Client, case: Case) -> list[tuple[str, Json]]:
    response = asked(client, case)
    assert response.status_code == 200, response.text
    return case.rows(json.loads(response.content, parse_float=Decimal))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("status", [401, 429, 503, 529])
def test_the_first_requests_of_each_report_are_refused(name: str, status: int) -> None:
    case = CASES[name]
    with sandbox(Failures(status, 2)) as client:
        # Another window of the same report is not another report; a list is one.
        windows = [(FIRST, END), (FIRST + DAY, END), (FIRST, END), (FIRST, END)]
        statuses = [asked(client, case, *window).status_code for window in windows]
        assert statuses == [status, status, 200, 200]
        listed = [client.get(case.listed) for _ in range(3)]
        assert [response.status_code for response in listed] == [status, status, 200]
        assert listed[0].json()  # an error body as the provider writes one


def test_the_account_is_told_while_reports_are_refused() -> None:
    with sandbox(Failures(429, 9)) as client:
        for path in ("/v1/accounts", "/v1/organizations/me", "/api/v1/key", "/v1/account"):
            assert client.get(path).status_code == 200
        assert client.get("/v1/account", headers={"authorization": "Bearer other"}).status_code == 401


def test_two_reports_of_one_path_fail_apart_and_pages_of_one_together() -> None:
    path = CASES["anthropic"].report
    window = [("starting_at", instant(FIRST)), ("ending_at", instant(END))]
    with sandbox(Failures(429, 1)) as client:
        for groups in (["model"], ["model", "account_id"]):
            params = [*window, *(("group_by[]", group) for group in groups)]
            first = [client.get(path, params=httpx.QueryParams(params)).status_code for _ in range(2)]
            paged = client.get(path, params=httpx.QueryParams([*params, ("page", "page_dead")])).status_code
            assert (first, paged) == ([429, 200], 400)
        case = CASES["openai"]
        for report in ("completions", "embeddings"):
            one = case._replace(report=f"/v1/organization/usage/{report}")
            assert [asked(client, one).status_code for _ in range(2)] == [429, 200]


@pytest.mark.parametrize("name", CASES)
def test_a_date_has_no_rows_and_the_others_have_theirs(right: httpx.Client, name: str) -> None:
    case = CASES[name]
    whole = rows(right, case)
    assert str(EMPTY) in {day for day, _ in whole}
    with sandbox(Failures(empty=EMPTY)) as client:
        assert rows(client, case) == [(day, row) for day, row in whole if day != str(EMPTY)]
        assert client.get(case.listed).content == right.get(case.listed).content


def test_the_date_is_that_of_the_time_zone_in_the_request(right: httpx.Client) -> None:
    window = {"startTime": "2026-11-17T15:00:00Z", "endTime": "2026-11-19T15:00:00Z", "timezone": "Asia/Tokyo"}
    with sandbox(Failures(empty=EMPTY)) as client:
        answers = [one.get(CASES["fireworks"].report, params=window).json() for one in (right, client)]
    starts = [{row["startTime"] for row in answer["serverlessCosts"]} for answer in answers]
    assert starts == [{"2026-11-17T15:00:00Z", "2026-11-18T15:00:00Z"}, {"2026-11-18T15:00:00Z"}]


def test_a_bill_has_no_bucket_of_the_date_and_its_total_still_has_it(right: httpx.Client) -> None:
    path = "/v1/accounts/acme/billing/summary"
    params = {"startTime": instant(FIRST), "endTime": instant(END), "granularity": "DAILY"}
    with sandbox(Failures(empty=EMPTY)) as client:
        whole, answer = (one.get(path, params=params).json() for one in (right, client))
    assert [one for one in whole["usageBuckets"] if one["startTime"] != instant(EMPTY)] == answer["usageBuckets"]
    assert len(whole["usageBuckets"]) == 3
    assert whole["lineItems"] == answer["lineItems"]


@pytest.mark.parametrize("name", CASES)
def test_an_answer_is_cut_and_its_page_token_is_dead(right: httpx.Client, name: str) -> None:
    case = CASES[name]
    whole = rows(right, case)
    with sandbox(Failures(partial=True)) as client:
        response = asked(client, case)
        cut = case.rows(json.loads(response.content, parse_float=Decimal))
        assert 0 < len(cut) < len(whole)
        assert [row for row in whole if row in cut] == cut
        if case.page:
            parameter, token = case.page
            following = asked(client, case, **{parameter: token(response.json())})
            assert following.status_code in (400, 404)
        assert len(client.get(case.listed).content) < len(right.get(case.listed).content)


def test_the_end_of_a_list_that_is_cut_is_dead_too() -> None:
    with sandbox(Failures(partial=True)) as client:
        for path, parameter in (("/v1/organization/users", "after"), ("/v1/organizations/users", "after_id")):
            page = client.get(path).json()
            assert page["has_more"]
            assert client.get(path, params={parameter: page["last_id"]}).status_code == 400
        token = client.get("/v1/accounts/acme/users").json()["nextPageToken"]
        assert client.get("/v1/accounts/acme/users", params={"pageToken": token}).status_code == 400
        assert client.get(client.get("/api/v1/models").json()["links"]["next"]).status_code == 400


@pytest.mark.parametrize("name", CASES)
def test_a_key_opens_another_account(right: httpx.Client, name: str) -> None:
    case = CASES[name]
    with sandbox(Failures(other_account=True)) as client:
        if case.account:
            assert (case.account(right), case.account(client)) == ("acme", "other-acme")
        foreign = rows(client, case)
        assert foreign
        assert foreign != rows(right, case)
        assert foreign == rows(client, case)
        assert client.get(case.listed).content != right.get(case.listed).content


def test_failures_come_together(right: httpx.Client) -> None:
    case = CASES["openai"]
    with sandbox(Failures(500, 1, EMPTY, other_account=True)) as client:
        assert asked(client, case).status_code == 500
        answer = rows(client, case)
    assert {day for day, _ in answer} == {day for day, _ in rows(right, case)} - {str(EMPTY)}
    assert {row["input_tokens"] for _, row in answer} != {row["input_tokens"] for _, row in rows(right, case)}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--fail", "429"], "--fail '429' is no status from 400 to 599 and a number of requests: write it as 429:3"),
        (["--fail", "200:3"], "--fail '200:3'"),
        (["--fail", "429:0"], "--fail '429:0'"),
        (["--fail", "soon:3"], "--fail 'soon:3'"),
        (["--empty", "yesterday"], "--empty 'yesterday' is no date: write it as YYYY-MM-DD"),
        (["--empty", "2026-02-30"], "--empty '2026-02-30' is no date"),
    ],
)
def test_a_wrong_value_gets_a_sentence_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["usage-ledger", "sandbox", *options])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr().err
    assert ended.value.code == 2
    assert sentence in shown
    assert shown.count("\n") == 1


def test_the_command_fails_as_it_is_told(tmp_path: Path) -> None:
    key_file, command = tmp_path / "key", Path(sys.executable).with_name("usage-ledger")
    key_file.write_text(KEY, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--port", str(port), "--key-file", str(key_file), "--account", "acme", "--fail", "503:1"]
    with subprocess.Popen([command, "sandbox", *options, "--other-account"], env=os.environ.copy()) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=HEADERS, trust_env=False) as client:
                assert answers_within(client, 30)
                assert [client.get("/v1/predictions").status_code for _ in range(2)] == [503, 200]
                assert client.get("/v1/account").json()["username"] == "other-acme"
        finally:
            process.terminate()


def answers_within(client: httpx.Client, limit: float) -> bool:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            return client.get("/healthz").status_code == 200
        except httpx.TransportError:
            time.sleep(0.1)
    return False
