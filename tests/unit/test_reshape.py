"""Tables and series become rows; every literal stays as it was sent."""

import pytest

from usage_ledger.core.contract_errors import Shape
from usage_ledger.core.provider_errors import NotWhole
from usage_ledger.model import Columns, Named, Positions, Reshape, Series, Table
from usage_ledger.reading.reshape import Labels, reshape

TABLE = Table("properties/columns", "properties/rows")
CELLS = Table("schema/fields", "rows", cells=("f", "v"), empty=("totalRows", "0"))
NAMED = Named("value/*/series/*/labels", name="name/value", value="value")
COLUMNS = Columns("Results", "Label", (("Times", "at"), ("Values", "value")))
POSITIONS = Positions("days/*/groups", "keys", ("kind", "type"))
SERIES = Series("data/result", labels="metric", points="values")


def reshaped(declared: Reshape | None, *parts: bytes) -> bytes:
    return b"".join(reshape(declared, iter(parts)))


def test_without_a_declaration_every_part_passes_as_it_is() -> None:
    parts = [b'{"a": [1.10]}', b'{"b":\n2}']
    assert list(reshape(None, iter(parts))) == parts


def test_a_table_becomes_objects_by_its_headers() -> None:
    page = (
        b'{"properties": {"columns": [{"name": "Cost"}, {"name": "Day"}], "rows": [[0.100000000000000005, 20261111]]}}'
    )
    assert reshaped(TABLE, page) == b'{"rows":[{"Cost":0.100000000000000005,"Day":20261111}]}'


def test_a_list_that_came_in_parts_is_one_table() -> None:
    parts = [b'{"rows": [[1]]}', b'{"rows": [[2.0]]}', b'{"columns": [{"name": "n"}]}']
    assert reshaped(Table("columns", "rows"), *parts) == b'{"rows":[{"n":1},{"n":2.0}]}'


def test_rows_of_cells_become_objects_by_the_header_and_may_be_absent() -> None:
    fields = b'"schema": {"fields": [{"name": "day", "type": "STRING"}, {"name": "cost"}]}'
    page = (
        b'{"rows": [{"f": [{"v": "2026-11-11"}, {"v": "0.10"}]}, {"f": [{"v": null}, {"v": 1.10}], "new": 1}], '
        + fields
        + b"}"
    )
    assert reshaped(CELLS, page) == b'{"rows":[{"day":"2026-11-11","cost":"0.10"},{"day":null,"cost":1.10}]}'
    assert reshaped(CELLS, b"{" + fields + b', "totalRows": "0"}') == b'{"rows":[]}'


def test_a_series_becomes_one_object_a_point() -> None:
    page = b'{"data": {"result": [{"metric": {"model": "m"}, "values": [[1.5, "7"], [2, "8.10"]]}]}}'
    assert reshaped(SERIES, page) == (
        b'{"rows":[{"model":"m","time":1.5,"value":"7"},{"model":"m","time":2,"value":"8.10"}]}'
    )


def test_columns_become_one_object_a_place_with_the_names_in_the_label() -> None:
    page = (
        b'{"Results": [{"Label": "metric=In|Model=a=b", "Times": [1.7951328E9, 2], "Values": [9.18233E5, 1.0]},'
        b' {"Label": "metric=Out", "Times": [], "Values": []}]}'
    )
    assert reshaped(COLUMNS, page) == (
        b'{"rows":[{"metric":"In","Model":"a=b","at":1.7951328E9,"value":9.18233E5},'
        b'{"metric":"In","Model":"a=b","at":2,"value":1.0}]}'
    )


def test_labels_of_columns_are_handed_on_of_a_holder_without_places_too() -> None:
    page = (
        b'{"Results": [{"Label": "metric=In", "Times": [1, 2], "Values": [3, 4]},'
        b' {"Label": "metric=Out|Model=a", "Times": [], "Values": []}]}'
    )
    labels: Labels = []
    list(reshape(COLUMNS, iter([page]), labels=labels))
    assert labels == [{"metric": "In"}, {"metric": "Out", "Model": "a"}]


def test_a_list_whose_places_have_a_meaning_becomes_an_object() -> None:
    page = (
        b'{"days": [{"day": 1.0, "groups": [{"keys": ["Usage", "x"], "amount": 1.10}]}, {"day": 2, "groups": []}],'
        b' "next": null}'
    )
    assert reshaped(POSITIONS, page) == (
        b'{"days":[{"day":1.0,"groups":[{"keys":{"kind":"Usage","type":"x"},"amount":1.10}]},{"day":2,"groups":[]}],'
        b'"next":null}'
    )
    for lacking in (b'{"days":null}', b"{}", b'{"days":[{"groups":null}]}', b'{"days":[{}]}'):
        assert reshaped(POSITIONS, lacking) == lacking


def test_lists_of_names_become_objects_where_they_stand() -> None:
    page = (
        b'{"cost": 1.50, "value": [{"series": [{"labels": [{"name": {"value": "Region"}, "value": "eu"},'
        b' {"name": {"value": "top"}, "value": 1.0}], "data": [{"total": 9.18233E5}]}]}, {"series": null}, {}]}'
    )
    assert reshaped(NAMED, page) == (
        b'{"cost":1.50,"value":[{"series":[{"labels":{"region":"eu","top":1.0},"data":[{"total": 9.18233E5}]}]},'
        b'{"series":null},{}]}'
    )


@pytest.mark.parametrize(
    ("declared", "page"),
    [
        (POSITIONS, b'{"days": [{"groups": [{"keys": ["Usage"]}]}]}'),
        (POSITIONS, b'{"days": [{"groups": [{}]}]}'),
        (
            NAMED,
            b'{"value": [{"series": [{"labels": [{"name": {"value": "a"}, "value": 1},'
            b' {"name": {"value": "A"}, "value": 2}]}]}]}',
        ),
        (NAMED, b'{"value": [{"series": [{"labels": [{"name": {"value": "a"}}]}]}]}'),
        (NAMED, b'{"value": [{"series": [{"labels": {"a": 1}}]}]}'),
        (COLUMNS, b'{"Results": [{"Label": "metric=In", "Times": [1], "Values": []}]}'),
        (COLUMNS, b'{"Results": [{"Label": "metric=In|metric=Out", "Times": [1], "Values": [1]}]}'),
        (COLUMNS, b'{"Results": [{"Label": "InputTokenCount Sum", "Times": [1], "Values": [1]}]}'),
        (COLUMNS, b'{"Results": [{"Label": "at=x", "Times": [1], "Values": [1]}]}'),
        (COLUMNS, b'{"Results": [{"Label": null, "Times": [1], "Values": [1]}]}'),
        (TABLE, b'{"properties": {"columns": [{"name": "a"}, {"name": "a"}], "rows": []}}'),
        (TABLE, b'{"properties": {"columns": [{"name": "a"}], "rows": [[1, 2]]}}'),
        (TABLE, b"[]"),
        (CELLS, b'{"schema": {"fields": [{"name": "a"}]}, "rows": [{"f": [{"v": 1}, {"v": 2}]}]}'),
        (CELLS, b'{"schema": {"fields": [{"name": "a"}]}, "rows": [{"f": [{}]}]}'),
        (CELLS, b'{"rows": []}'),
        (SERIES, b'{"data": {"result": [{"metric": {"value": "x"}, "values": []}]}}'),
        (SERIES, b'{"data": {"result": [{"metric": {}, "values": [[1]]}]}}'),
    ],
    ids=[
        "too few places",
        "no places",
        "a name twice in another case",
        "an item without value",
        "an object of names",
        "arrays of two lengths",
        "a name twice",
        "a label of another",
        "a label called as an array",
        "no label",
        "a header twice",
        "a longer row",
        "a list",
        "more cells than headers",
        "a cell without value",
        "no headers",
        "a label called value",
        "a point without value",
    ],
)
def test_a_page_of_another_shape_is_refused(declared: Reshape, page: bytes) -> None:
    with pytest.raises(Shape, match="declared shape"):
        reshaped(declared, page)


@pytest.mark.parametrize(
    ("declared", "page"),
    [
        (COLUMNS, b'{"Results": null}'),
        (SERIES, b'{"data": {}}'),
        (TABLE, b"{}"),
        (TABLE, b'{"properties": null}'),
        (TABLE, b'{"properties": {"columns": []}}'),
        (CELLS, b'{"schema": {"fields": [{"name": "a"}]}, "totalRows": "7"}'),
        (CELLS, b'{"schema": {"fields": [{"name": "a"}]}, "rows": null}'),
    ],
)
def test_a_list_that_is_absent_is_no_empty_one_unless_its_vendor_leaves_it_out(declared: Reshape, page: bytes) -> None:
    with pytest.raises(NotWhole, match="that is no empty list"):
        reshaped(declared, page)
    assert b"".join(reshape(declared, iter([page]), optional=True)) == b'{"rows":[]}'
