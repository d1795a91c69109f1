"""What teams build on marts goes on: columns are added at the end, and none is lost, renamed, retyped or moved."""

import pytest
from kit.mart_columns import broken, columns_of, promised
from sqlalchemy import Engine

ONE = {"one": {"a": "text", "b": "bigint"}}


def test_no_mart_breaks_what_others_built_on_it(engine: Engine) -> None:
    now = columns_of(engine)
    assert not broken(promised(), now), "see CONTRIBUTING.md, Change a mart: new columns go to the end of the view"
    assert promised() == now, "run `make mart-columns`, and commit the file: it keeps the new columns from now on"


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({}, ["marts.one is gone"]),
        ({"one": {"a": "text"}}, ["marts.one: column b is gone"]),
        ({"one": {"a": "text", "c": "bigint"}}, ["marts.one: column b is gone"]),
        ({"one": {"a": "text", "b": "numeric"}}, ["marts.one: column b is numeric, not bigint"]),
        ({"one": {"b": "bigint", "a": "text"}}, ["marts.one: column a moved, column b moved"]),
        ({"one": {"a": "text", "new": "text", "b": "bigint"}}, ["marts.one: column b moved"]),
        ({"one": {"a": "text", "b": "bigint", "new": "text"}, "two": {}}, []),
    ],
)
def test_every_change_but_growth_at_the_end_is_found(now: dict[str, dict[str, str]], said: list[str]) -> None:
    assert broken(ONE, now) == said
