"""Rows that belong to a row set by a text of theirs, and columns that we parse from one."""

from dataclasses import replace
from typing import Any

import pytest
from kit.points_provider import DAY, POINTS, provider, series, staged

from usage_ledger import model as m
from usage_ledger.core.errors import ConfigError

METERS = (m.Meter("requests", "value"),)
KIND = m.OneOf("^metric", ("calls",))
CALLS = replace(POINTS, meters=METERS, where=KIND)
SENT = (
    series("calls", "a", (0, 1), (1, 2), (24, 4)),
    series("login", "a", (0, "no number"), ("no time", 8)),
    series("change", "b", (0, None)),
)
RULES = (m.Rule("gemini-(?P<model>[a-z]+) (input|output)", r"g-\g<model>"), m.Rule("(?s)new.*", "any"))


def requests_of(*row_sets: m.RowSet, sent: Any = SENT) -> tuple[list[Any], list[tuple[str, str]]]:
    declared = provider()
    declared = replace(declared, reports=(replace(declared.reports[0], row_sets=row_sets),))
    note, table = staged(declared, {"series": sent})
    return sorted(table.column("requests").to_pylist(), key=str), [(one.kind, one.message) for one in note.notes]


def test_rows_of_another_kind_are_known_and_left_out() -> None:
    assert requests_of(CALLS) == ([3, 4], [])


def test_a_kind_that_no_row_set_of_the_array_reads_is_reported_once() -> None:
    changes = replace(CALLS, label="changes", where=m.Matches("^metric", "chan.*"), meters=(m.Count("sessions"),))
    rows, notes = requests_of(replace(CALLS, others="report"), changes)
    assert notes == [
        (
            "unknown_value",
            "rows of `series/points` whose `^metric` is 'login' are no known kind and are left out of `usage_daily`",
        )
    ]
    assert rows == [3, 4, None]


def test_a_row_without_the_text_is_of_no_kind() -> None:
    nameless = {**series("calls", "a", (0, 64)), "metric": None}
    absent = {name: value for name, value in nameless.items() if name != "metric"}
    assert requests_of(CALLS, sent=(SENT[0], nameless, absent))[0] == [3, 4]


@pytest.mark.parametrize(("model", "value"), [("b", {"a": 1}), ("b", [1]), ({"id": "b"}, 1)])
def test_a_value_of_another_type_fails_the_date_only_of_a_row_of_its_kind(model: Any, value: Any) -> None:
    assert requests_of(CALLS, sent=(SENT[0], series("login", model, (0, value))))[0] == [3, 4]
    note, _ = staged(provider(CALLS), {"series": [SENT[0], series("calls", model, (0, value))]})
    assert {day: failure.error_class for day, failure in note.failed.items()} == {DAY: "Shape"}


def test_a_row_whose_kind_is_of_another_type_fails_its_date() -> None:
    unreadable = {**series("calls", "a", (0, 1)), "metric": 7}
    note, table = staged(provider(CALLS), {"series": [SENT[0], unreadable]})
    assert {day: failure.error_class for day, failure in note.failed.items()} == {DAY: "Shape"}
    assert table.column("requests").to_pylist() == [4]


def test_names_are_those_of_rows_of_the_kind() -> None:
    names = m.RowSet("series", "", where=m.OneOf("metric", ("calls",)), names=(m.NameOf("model", "model", "metric"),))
    declared = provider()
    declared = replace(declared, reports=(replace(declared.reports[0], row_sets=(CALLS, names)),))
    note, _ = staged(declared, {"series": SENT})
    assert note.tables["name_observation"].rows == 1


def test_others_are_reported_only_where_there_are_others() -> None:
    with pytest.raises(ConfigError, match="declare `where`"):
        replace(POINTS, others="report")


@pytest.mark.parametrize(
    ("kind", "texts"), [(m.Matches, ("a", "(")), (m.Rule, ("(", "")), (m.Rule, ("(a)", r"\g<b>"))], ids=str
)
def test_a_malformed_pattern_is_refused(kind: Any, texts: tuple[str, str]) -> None:
    with pytest.raises(ConfigError):
        kind(*texts)


def test_a_derived_column_is_parsed_by_the_first_rule_and_no_part_of_the_identity() -> None:
    texts = ["gemini-pro input", "gemini-pro output", "new\ntokens", "tokens of gemini-pro input", ""]
    sent = [series("x", text, (0, 1)) for text in texts]

    def columns(*parsed: m.Derived) -> list[tuple[str, str, str]]:
        of = replace(POINTS, meters=METERS, dimensions=(*m.dimensions(operation="^model"), *parsed))
        _, table = staged(provider(of), {"series": sent})
        names = ("operation", "model", "row_key")
        return sorted(zip(*(table.column(name).to_pylist() for name in names), strict=True))

    model = m.Derived("model", "^model", RULES)
    assert {text: name for text, name, _ in columns(model)} == {
        "gemini-pro input": "g-pro",
        "gemini-pro output": "g-pro",
        "new\ntokens": "any",
        "tokens of gemini-pro input": "",
        "": "",
    }
    assert [key for *_, key in columns(model)] == [key for *_, key in columns()]


def test_a_derived_column_leaves_what_a_dimension_says_where_no_rule_matches() -> None:
    texts = ["gemini-pro input", "new tokens", "tokens of gemini-pro input", ""]
    sent = [series("x", text, (0, 1)) for text in texts]
    pairs = m.Pairs("variant", (("^model", "^metric"),))
    first = m.Derived("operation", "^model", (m.Rule("new .*", "first"), m.Rule("gemini.*", "pro")))
    second = m.Derived("operation", pairs, (m.Rule("new tokens=x", "second"), m.Rule("tokens of .*=x", "of")))

    def columns(*parsed: m.Derived) -> dict[str, tuple[str, str]]:
        of = replace(POINTS, meters=METERS, dimensions=(*m.dimensions(operation="^model"), pairs, *parsed))
        _, table = staged(provider(of), {"series": sent})
        return {
            row["variant"]: (row["operation"], row["row_key"])
            for row in table.select(["variant", "operation", "row_key"]).to_pylist()
        }

    parsed = columns(first, second)
    assert {text: value for text, (value, _) in parsed.items()} == {
        "gemini-pro input=x": "pro",
        "new tokens=x": "first",
        "tokens of gemini-pro input=x": "of",
        "": "",
    }
    assert {text: key for text, (_, key) in parsed.items()} == {text: key for text, (_, key) in columns().items()}


def test_a_column_that_the_contract_lacks_or_that_is_filled_twice_is_refused() -> None:
    twice = m.Dimension(POINTS.dimensions[0].column, ("^metric",))
    for wrong in (m.Derived("colour", "^model", ()), twice, m.Derived("requests", "^metric", ())):
        with pytest.raises(ConfigError, match=r"colour|twice"):
            staged(provider(replace(POINTS, dimensions=(*POINTS.dimensions, wrong))), {"series": SENT[:1]})


def test_a_new_number_that_may_be_a_meter_under_another_name_fails_its_date() -> None:
    absent = replace(POINTS, meters=(m.Meter("requests", "value", absent="zero", where=KIND), m.Count("sessions")))
    renamed = series("calls", "a", (0, 1))
    renamed["points"][0] |= {"value": None, "amount_of_calls": 7}
    other = {**renamed, "metric": "login"}
    note, _ = staged(provider(absent), {"series": [renamed, series("calls", "a", (24, 1))]})
    assert {day: failure.error_class for day, failure in note.failed.items()} == {DAY: "MissingField"}
    note, table = staged(provider(absent), {"series": [other, series("calls", "a", (24, 1))]})
    assert (note.failed, sorted(table.column("requests").to_pylist(), key=str)) == ({}, [1, None])
