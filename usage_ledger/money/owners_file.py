"""Reads `include/owners.yaml`: teams, and who owns what since when. A mistake is one sentence with its line and key."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from usage_ledger.connections import ID_PATTERN
from usage_ledger.core.errors import ConfigError
from usage_ledger.yaml_file import Keys, YamlFile, read_yaml_file

KINDS = ("deployment", "api_key", "user", "project", "tag_team", "connection")
"""What a rule can name; of several that hold on a date the first kind counts."""
ALWAYS, NEVER = date.min, date.max
"""The dates of an interval that nothing begins, or ends."""
_OF_A_TEAM = ("cost_center", "notify")
_OF_A_RULE = ("connection", *KINDS[:-1], "team", "app", "from", "until")


@dataclass(frozen=True, slots=True)
class Team:
    """A team; `notify` names Airflow connections."""

    team: str
    cost_center: str = ""
    notify: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """Who owns a thing in a half-open interval of dates; connection '' is any."""

    connection_id: str
    kind: str
    id: str
    team: str
    app: str = ""
    valid_from: date = ALWAYS
    valid_to: date = NEVER
    keys: Keys = field(default=(), compare=False)

    @property
    def rule_id(self) -> str:
        """The same for the same rule, whenever it is read."""
        values = json.dumps([str(value) for value in astuple(self)[:7]])
        return hashlib.sha256(values.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Owners:
    """What the file says."""

    file: YamlFile
    teams: tuple[Team, ...]
    rules: tuple[Rule, ...]


def read_owners(path: Path) -> Owners:
    """The file's teams and rules. Raises `ConfigError` for the first mistake."""
    file = read_yaml_file(path)
    document = {} if file.document is None else _mapping(file, (), file.document, ("teams", "owners"))
    teams = tuple(_teams(file, document.get("teams")))
    names = [team.team for team in teams]
    listed = document.get("owners")
    if not isinstance(listed, list | None):
        raise file.problem(("owners",), "it must be a list of rules")
    rules = tuple(_rule(file, ("owners", place), one, names) for place, one in enumerate(listed or ()))
    _refuse_overlaps(file, rules)
    return Owners(file, teams, rules)


def nearest(word: str, words: Iterable[str]) -> str:
    """ " (did you mean `…`?)", or '' where nothing is near."""
    near = get_close_matches(word, sorted(words), 1)
    return f"; did you mean `{near[0]}`?" if near else ""


def _mapping(file: YamlFile, keys: Keys, value: Any, allowed: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise file.problem(keys, f"it must be keys and values, of {', '.join(allowed)}")
    for key in value:
        if key not in allowed:
            near = nearest(str(key), allowed) or f"; the keys are {', '.join(allowed)}"
            raise file.problem((*keys, str(key)), f"there is no such key{near}")
    return value


def _text(file: YamlFile, keys: Keys, value: Any, example: str) -> str:
    if not isinstance(value, str):
        raise file.problem(keys, f"it must be a text; write it in quotes, such as {example}")
    if not value.strip() or value != value.strip():
        raise file.problem(keys, "it is empty, or has a blank at an end")
    return value


def _teams(file: YamlFile, value: Any) -> Iterator[Team]:
    if not isinstance(value, dict | None):
        raise file.problem(("teams",), "it must be names of teams, each with its keys, such as `search: {}`")
    for name, said in (value or {}).items():
        keys: Keys = ("teams", str(name))
        team = _text(file, keys, name, '"42"')
        said = _mapping(file, keys, {} if said is None else said, _OF_A_TEAM)
        notify = said.get("notify") or []
        if not isinstance(notify, list):
            raise file.problem((*keys, "notify"), "it must be a list of Airflow connections, such as [slack_search]")
        channels = tuple(_text(file, (*keys, "notify", n), one, "slack_search") for n, one in enumerate(notify))
        center = said.get("cost_center")
        yield Team(team, "" if center is None else _text(file, (*keys, "cost_center"), center, '"4711"'), channels)


def _rule(file: YamlFile, keys: Keys, value: Any, teams: list[str]) -> Rule:
    said = _mapping(file, keys, value, _OF_A_RULE)
    texts = {
        key: _text(file, (*keys, key), said[key], f'"{said[key]}"') for key in said if key not in ("from", "until")
    }
    kinds = [kind for kind in KINDS[:-1] if kind in said] or [kind for kind in KINDS[-1:] if kind in said]
    if len(kinds) != 1:
        what = f"it names {' and '.join(kinds)}" if kinds else "it names nothing to own"
        raise file.problem(keys, f"{what}: a rule names one of {', '.join(KINDS)}")
    if "team" not in texts:
        raise file.problem(keys, "it has no `team`")
    if texts["team"] not in teams:
        near = nearest(texts["team"], teams) or "; add it below `teams`"
        raise file.problem((*keys, "team"), f"there is no team `{texts['team']}`{near}")
    connection = texts.get("connection", "")
    if connection and not re.fullmatch(ID_PATTERN, connection):
        raise file.problem((*keys, "connection"), "it is not the id of a connection: the stem of its YAML file")
    first, end = (_day(file, (*keys, key), said.get(key)) for key in ("from", "until"))
    if first and end and first >= end:
        raise file.problem((*keys, "until"), f"{end} is not after {first}: `until` is the first date without the owner")
    return Rule(
        connection, kinds[0], texts[kinds[0]], texts["team"], texts.get("app", ""), first or ALWAYS, end or NEVER, keys
    )


def _day(file: YamlFile, keys: Keys, value: Any) -> date | None:
    if value is None and keys not in file.lines:
        return None
    if not isinstance(value, date) or isinstance(value, datetime):
        raise file.problem(keys, f"{value!r} is no date; write it as 2026-11-10, without quotes")
    return value


def _refuse_overlaps(file: YamlFile, rules: tuple[Rule, ...]) -> None:
    """Two rules of one thing and scope must not hold on one date. Raises `ConfigError`."""
    last: dict[tuple[str, str, str], Rule] = {}
    for rule in sorted(rules, key=lambda one: (one.valid_from, file.lines[one.keys])):
        before = last.get((rule.connection_id, rule.kind, rule.id))
        if before and rule.valid_from < before.valid_to:
            first, second = sorted((before, rule), key=lambda one: file.lines[one.keys])
            first_line = file.lines[first.keys]
            raise _overlap(file, second, first_line, rule.valid_from)
        last[rule.connection_id, rule.kind, rule.id] = rule


def _overlap(file: YamlFile, rule: Rule, line: int, day: date) -> ConfigError:
    when = "at all times" if day == ALWAYS else f"on {day}"
    return file.problem(
        (*rule.keys, rule.kind),
        f"`{rule.id}` has an owner {when} by line {line} as well; end one with `until`, or begin one with `from`",
    )
