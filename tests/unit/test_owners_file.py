"""`include/owners.yaml`: what it says, and one sentence with its line for each mistake."""

import subprocess
from datetime import date
from pathlib import Path

import pytest

from usage_ledger.cli import main
from usage_ledger.core.errors import ConfigError
from usage_ledger.money.owners import source_commit
from usage_ledger.money.owners_file import ALWAYS, NEVER, Rule, Team, read_owners

TEAMS = 'teams:\n  search: {cost_center: "4711", notify: [slack_search]}\n  ads:\n'
KEY = "- {connection: acme, api_key: key_1, team: "


def written(folder: Path, text: str) -> Path:
    path = folder / "owners.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as refused:
        read_owners(written(folder, text))
    return str(refused.value)


def test_a_file_says_teams_and_rules_with_half_open_dates(tmp_path: Path) -> None:
    rules = f"owners:\n{KEY}search, app: ranker, until: 2026-11-10}}\n{KEY}ads, from: 2026-11-10}}\n"
    owners = read_owners(written(tmp_path, TEAMS + rules + "- {connection: acme, team: ads}\n"))
    assert owners.teams == (Team("search", "4711", ("slack_search",)), Team("ads"))
    moved = date(2026, 11, 10)
    assert owners.rules == (
        Rule("acme", "api_key", "key_1", "search", "ranker", ALWAYS, moved),
        Rule("acme", "api_key", "key_1", "ads", "", moved, NEVER),
        Rule("acme", "connection", "acme", "ads"),
    )
    assert len({rule.rule_id for rule in owners.rules}) == 3


@pytest.mark.parametrize("text", ["", "teams:\nowners:\n", "teams: {}\nowners: []\n"], ids=["empty", "null", "none"])
def test_an_empty_file_has_no_rules(tmp_path: Path, text: str) -> None:
    owners = read_owners(written(tmp_path, text))
    assert (owners.teams, owners.rules) == ((), ())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("- {api_key: k, team: serch}", "line 5, key `owners[0].team`: there is no team `serch`; did you"
            " mean `search`?", id="unknown team"),
        pytest.param("- {api_key: k, team: x1}", "there is no team `x1`; add it below `teams`", id="far team"),
        pytest.param("- {api_key: k}", "line 5, key `owners[0]`: it has no `team`", id="no team"),
        pytest.param("- {apikey: k, team: ads}", "line 5, key `owners[0].apikey`: there is no such key; did you mean"
            " `api_key`?", id="unknown key"),
        pytest.param("- {team: ads}", "line 5, key `owners[0]`: it names nothing to own", id="no kind"),
        pytest.param("- {api_key: k, user: u, team: ads}", "it names api_key and user: a rule names one",
            id="two kinds"),
        pytest.param("- {api_key: '', team: ads}", "line 5, key `owners[0].api_key`: it is empty", id="empty id"),
        pytest.param("- {api_key: 42, team: ads}", "line 5, key `owners[0].api_key`: it must be a text; write it in"
            ' quotes, such as "42"', id="number"),
        pytest.param("- {connection: Acme!, team: ads}", "`owners[0].connection`: it is not the id of a connection",
            id="bad connection"),
        pytest.param("- {api_key: k, team: ads,\n   from: 2026-13-01}", "line 6, key `owners[0].from`: '2026-13-01' is"
            " no date", id="bad date"),
        pytest.param("- {api_key: k, team: ads, until: 2026-11-10 12:00:00}", "is no date; write it as", id="instant"),
        pytest.param("- {api_key: k, team: ads, from: }", "key `owners[0].from`: None is no date", id="no date"),
        pytest.param("- {api_key: k, team: ads,\n   from: 2026-11-10, until: 2026-11-10}", "line 6, key"
            " `owners[0].until`: 2026-11-10 is not after 2026-11-10", id="reversed dates"),
        pytest.param("- ads", "line 5, key `owners[0]`: it must be keys and values", id="no mapping"),
        pytest.param("- {api_key: k, team: ads}\n- {api_key: k, team: search, until: 2026-11-10}", "line 6, key"
            " `owners[1].api_key`: `k` has an owner at all times by line 5 as well", id="overlap"),
        pytest.param("- {api_key: k, team: ads, from: 2026-11-09}\n- {api_key: k, team: ads, until: 2026-11-10}",
            "line 6, key `owners[1].api_key`: `k` has an owner on 2026-11-09 by line 5 as well", id="overlap of a day"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_rule_is_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    assert sentence in refusal(tmp_path, f"{TEAMS}owners:\n{text}\n")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("team: {}", "line 1, key `team`: there is no such key; did you mean `teams`?", id="unknown part"),
        pytest.param("[teams]", "line 1: it must be keys and values, of teams, owners", id="a list"),
        pytest.param("teams: [ads]", "key `teams`: it must be names of teams", id="list of teams"),
        pytest.param("teams: {ads: {costcenter: '1'}}", "did you mean `cost_center`?", id="unknown key of a team"),
        pytest.param("teams: {ads: {cost_center: 4711}}", "`teams.ads.cost_center`: it must be a text", id="number"),
        pytest.param("teams: {ads: {notify: slack}}", "`teams.ads.notify`: it must be a list", id="notify"),
        pytest.param("teams: {ads: {notify: [1]}}", "`teams.ads.notify[0]`: it must be a text", id="notify a number"),
        pytest.param("teams: {ads: {}}\nowners: {a: b}", "line 2, key `owners`: it must be a list", id="rules"),
        pytest.param("teams: {ads: {}, ads: {}}", "line 1, key `teams.ads` is there twice", id="team twice"),
    ],
)
def test_a_mistake_elsewhere_is_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    assert sentence in refusal(tmp_path, text)


def test_rules_of_other_scopes_and_later_dates_do_not_overlap(tmp_path: Path) -> None:
    rules = "- {api_key: k, team: ads}\n- {connection: acme, api_key: k, team: ads, until: 2026-11-10}\n"
    rules += "- {connection: acme, api_key: k, team: search, from: 2026-11-10}\n- {user: k, team: ads}\n"
    assert len(read_owners(written(tmp_path, f"{TEAMS}owners:\n{rules}")).rules) == 4


def test_the_source_is_the_revision_or_the_hash_of_the_content(tmp_path: Path) -> None:
    path = written(tmp_path, TEAMS)
    assert source_commit(path).startswith("sha256:")
    identity = ["-c", "user.name=a", "-c", "user.email=a@acme.example", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "owners.yaml"], [*identity, "commit", "-q", "-m", "Name the teams"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)  # noqa: S607
    revision = source_commit(path)
    assert len(revision) == 40
    path.write_text(TEAMS + "  ml:\n", encoding="utf-8")
    assert source_commit(path) == f"{revision}-dirty"


def test_the_command_refuses_a_mistake_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "teams: {ads: {}}\nowners:\n- {api_key: k, team: adds}\n")
    monkeypatch.setenv("USAGE_LEDGER_OWNERS", str(path))
    monkeypatch.setattr("sys.argv", ["usage-ledger", "owners", "check"])
    with pytest.raises(SystemExit) as ended:
        main()
    out, error = capsys.readouterr()
    assert (ended.value.code, out) == (1, "")
    assert error.splitlines() == [
        "usage-ledger: owners.yaml, line 3, key `owners[0].team`: there is no team `adds`; did you mean `ads`?: "
        "correct it and try again."
    ]
