"""Fireworks' answers become exactly the rows they mean, or are refused with the reason."""

import copy
import hashlib
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from kit.fixed_client import FixedClient, list_of_accounts

from usage_ledger.connections import connection_from
from usage_ledger.contracts.registry import arrow_schema, contract
from usage_ledger.core import contract_errors
from usage_ledger.core.windows import DAY, Window
from usage_ledger.pipeline.extract import land
from usage_ledger.pipeline.transform import stage
from usage_ledger.providers import fireworks
from usage_ledger.providers.fireworks import FIREWORKS
from usage_ledger.reading.identity import row_keys
from usage_ledger.storage.landing import load_folder
from usage_ledger.storage.manifest import manifest_of
from usage_ledger.storage.staged import Staged, open_table

Json = dict[str, Any]
Rows = list[Json]

D = date(2026, 9, 14)
START, END = "2026-09-14T00:00:00Z", "2026-09-15T00:00:00Z"
LOAD = "0b0e7f0a-4a4e-4b51-9d7c-3a8f3a5f6d11"
ASKED = datetime(2026, 9, 20, 3, tzinfo=UTC)
GLM = "accounts/fireworks/models/glm-5p3"
BUCKET = {"startTime": START, "endTime": END}
SERVERLESS: Json = {
    **BUCKET,
    "modelName": GLM,
    "apiKeyId": "key_7Q",
    "promptTokens": "2480150",
    "cachedPromptTokens": "1612800",
    "uncachedPromptTokens": "867350",
    "completionTokens": "301442",
    "audioInputSeconds": 0,
    "costNanoUsd": 0,
    "usageType": "TEXT_COMPLETION_INFERENCE_USAGE",
    "group": {"model_name": GLM, "api_key_id": "key_7Q", "api_key_name": "support-bot", "annotations.team": "search"},
}
DEDICATED: Json = {
    **BUCKET,
    "deploymentId": "accounts/acme/deployments/ranker-a",
    "acceleratorType": "NVIDIA_H100_80GB",
    "acceleratorSeconds": "86400",
    "baseModel": "accounts/acme/models/ranker-v4",
    "usageType": "",
    "placement": "GLOBAL",
    "group": {"deployment_name": "accounts/acme/deployments/ranker-a", "accelerator_type": "NVIDIA_H100_80GB"},
}
TRAINING: Json = {
    **BUCKET,
    "jobId": "sft-9k2",
    "jobType": "SUPERVISED_FINE_TUNING",
    "trainingSessionId": "",
    "tokens": "5120000",
    "acceleratorSeconds": "0",
    "acceleratorType": "",
    "baseModel": "accounts/fireworks/models/qwen3-8b",
    "usageType": "",
    "annotations": {"project": "distil"},
    "group": {"job_id": "sft-9k2"},
}
LINE_ITEM: Json = {
    "category": "LLM input tokens (uncached)",
    "groupingKey": "model_bucket",
    "groupingValue": "GLM 5.3",
    "secondaryGroupingKey": "is_batch",
    "secondaryGroupingValue": "false",
    "series": "SERVERLESS",
    "quantity": 12000000,
    "unitAmount": {"currencyCode": "USD", "units": "0", "nanos": 1400},
    "totalCost": {"currencyCode": "USD", "units": "16", "nanos": 800000000},
}


def changed(base: Json, **more: Any) -> Json:
    """A copy with other values; `...` takes the field away; `group__x` reaches into the group."""
    row = copy.deepcopy(base)
    for name, value in more.items():
        *parents, leaf = name.split("__")
        where = row
        for parent in parents:
            where = where[parent]
        if value is ...:
            where.pop(leaf)
        else:
            where[leaf] = value
    return row


class Transformed:
    """Fireworks' answers, landed and staged in a folder of the test's own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lists = dict(LISTS)

    def __call__(
        self, *pages: Json | bytes, report: str = "usage", zone: str = "UTC", days: int = 1, first: date = D
    ) -> "Transformed":
        bodies = [page if isinstance(page, bytes) else json.dumps(page).encode() for page in pages]
        connection = connection_from(
            "acme", {"provider": "fireworks", "account": "acme", "timezone": zone}, "acme.yaml"
        )
        declared = FIREWORKS.report(report)
        window = Window(first, first + DAY * days)
        _, uri = land(
            connection,
            declared,
            window,
            LOAD,
            client=FixedClient(*bodies, lists=self.lists, requested_at=ASKED),
            root=self.root,
        )  # type: ignore[arg-type]
        folder = load_folder(self.root, uri)
        self.staged: Staged = stage(connection, declared, manifest_of(folder), folder, self.root)
        return self

    def rows(self, table: str = "usage_daily") -> Rows:
        found: Rows = open_table(self.root, LOAD, table).whole().to_pylist()
        return found

    def row(self, table: str = "usage_daily") -> Json:
        (found,) = self.rows(table)
        return found

    @property
    def notes(self) -> list[str]:
        return [note.kind for note in self.staged.notes]


LISTS = list_of_accounts("acme") | {
    "/v1/accounts/acme/users": b'{"users": [{"name": "accounts/acme/users/jo"}]}',
    "/v1/serverless/models": json.dumps({"data": [{"id": GLM, "display_name": "GLM 5.3"}]}).encode(),
}


@pytest.fixture
def transformed(tmp_path: Path) -> Transformed:
    return Transformed(tmp_path)


def serverless(*rows: Json) -> Json:
    return {"serverlessCosts": list(rows)}


def dedicated(*rows: Json) -> Json:
    return {"dedicatedCosts": list(rows)}


def training(*rows: Json) -> Json:
    return {"trainingCosts": list(rows)}


def summary(*items: Json, totals: list[Json] | None = None, **bucket: str) -> Json:
    return {
        "usageBuckets": [{**BUCKET, **bucket, "lineItems": list(items)}],
        "lineItems": list(items) if totals is None else totals,
    }


def money(units: str | int, nanos: int | str, currency: str = "USD") -> Json:
    return {"currencyCode": currency, "units": units, "nanos": nanos}


def told(row: Json) -> Json:
    """What a row says beyond its key, its bucket and its blanks."""
    apart = {"connection_id", "report", "provider", "account_id", "row_key", "load_id", "bucket_start", "bucket_end"}
    return {name: value for name, value in row.items() if name not in apart and value not in ("", None)}


# Rows


def test_each_array_of_usage_becomes_its_rows(transformed: Transformed) -> None:
    rows = transformed(serverless(SERVERLESS) | dedicated(DEDICATED) | training(TRAINING)).rows()
    order = ["serverless", "dedicated", "training"]
    assert sorted(map(told, rows), key=lambda row: order.index(row["usage_type"])) == [
        {
            "usage_date": D,
            "usage_type": "serverless",
            "basis": "metered",
            "model": GLM,
            "api_key_id": "key_7Q",
            "operation": "TEXT_COMPLETION_INFERENCE_USAGE",
            "tag_team": "search",
            "input_tokens": 2480150,
            "cached_input_tokens": 1612800,
            "output_tokens": 301442,
            "audio_seconds": Decimal(0),
        },
        {
            "usage_date": D,
            "usage_type": "dedicated",
            "basis": "metered",
            "deployment": "ranker-a",
            "accelerator": "NVIDIA_H100_80GB",
            "model": "accounts/acme/models/ranker-v4",
            "region": "GLOBAL",
            "accelerator_seconds": Decimal(86400),
        },
        {
            "usage_date": D,
            "usage_type": "training",
            "basis": "metered",
            "job_id": "sft-9k2",
            "operation": "SUPERVISED_FINE_TUNING",
            "model": "accounts/fireworks/models/qwen3-8b",
            "tag_project": "distil",
            "training_tokens": 5120000,
            "accelerator_seconds": Decimal(0),
        },
    ]
    assert len({row["row_key"] for row in rows}) == 3
    for row in rows:
        assert (row["connection_id"], row["report"], row["provider"], row["account_id"], row["breakdown"]) == (
            *("acme", "usage", "fireworks", "acme", ""),
        )
        assert (row["bucket_start"], row["bucket_end"]) == (
            datetime(2026, 9, 14, tzinfo=UTC),
            datetime(2026, 9, 15, tzinfo=UTC),
        )
        assert row["load_id"] == LOAD.replace("-", "")
    assert transformed.staged.tables["usage_daily"].sums == {
        "input_tokens": "2480150",
        "cached_input_tokens": "1612800",
        "output_tokens": "301442",
        "audio_seconds": "0.000000000",
        "accelerator_seconds": "86400.000000000",
        "training_tokens": "5120000",
    }
    assert transformed.notes == []


def test_the_staged_schema_is_the_contracts(transformed: Transformed) -> None:
    transformed(serverless(SERVERLESS))
    assert open_table(transformed.root, LOAD, "usage_daily").whole().schema.equals(arrow_schema("usage_daily"))


def test_a_line_item_becomes_a_bill_line(transformed: Transformed) -> None:
    row = transformed(summary(LINE_ITEM), report="cost").row("cost_daily")
    assert told(row) == {
        "usage_date": D,
        "usage_type": "serverless",
        "basis": "rated",
        "category": "LLM input tokens (uncached)",
        "meter": "uncached_input_tokens",
        "model": GLM,
        "charge_category": "Usage",
        "line_item": "model_bucket=GLM 5.3; is_batch=false",
        "currency": "USD",
        "quantity": Decimal(12000000),
        "unit_price": Decimal("0.000001400"),
        "amount": Decimal("16.8"),
    }
    assert transformed.staged.tables["cost_daily"].sums["amount USD"] == f"{row['amount']:f}"
    assert transformed.staged.evidence == {"provider_total_amount": {"USD": "16.800000000"}}
    assert transformed.notes == []


def test_api_keys_are_names_alone(transformed: Transformed) -> None:
    keys = [
        {"keyId": "key_7Q", "displayName": "support-bot", "annotations": {"b": "2", "a": "1"}, "key": "fw_x"},
        {"keyId": "key_8R", "displayName": ""},
        {"keyId": "key_9S", "displayName": "odd\0name"},
    ]
    staged = transformed({"apiKeys": keys}, report="api_keys").staged
    found = [
        (row["kind"], row["id"], row["name"], row["owner_id"], row["tags"])
        for row in transformed.rows("name_observation")
    ]
    assert found == [
        ("api_key", "key_7Q", "support-bot", "jo", '{"a":"1","b":"2"}'),
        ("api_key", "key_9S", "odd\ufffdname", "jo", None),
    ]
    assert list(staged.tables) == ["name_observation"]


def test_the_name_of_a_key_is_no_part_of_a_fact(transformed: Transformed) -> None:
    transformed(serverless(SERVERLESS))
    (name,) = transformed.rows("name_observation")
    assert (name["kind"], name["id"], name["name"], name["observed_on"]) == ("api_key", "key_7Q", "support-bot", D)
    assert "support-bot" not in transformed.row().values()


# What is absent


@pytest.mark.parametrize(
    "others", [{}, {"serverlessCosts": None, "trainingCosts": None}, {"serverlessCosts": [], "trainingCosts": []}]
)
def test_a_missing_null_or_empty_array_holds_no_row(transformed: Transformed, others: Json) -> None:
    assert told(transformed(dedicated(DEDICATED) | others).row())["deployment"] == "ranker-a"


@pytest.mark.parametrize("answer", [{}, {"serverlessCosts": []}, {"usageBuckets": None, "lineItems": []}])
@pytest.mark.parametrize("report", ["usage", "cost"])
def test_an_answer_without_rows_stages_an_empty_table(transformed: Transformed, answer: Json, report: str) -> None:
    staged = transformed(answer, report=report).staged
    assert [table.rows for table in staged.tables.values()] == [0]


def test_a_grouping_that_is_absent_or_blank_is_unattributed(transformed: Transformed) -> None:
    for name, column in (("model_name", "model"), ("api_key_id", "api_key_id")):
        for blank in (..., None, ""):
            assert transformed(serverless(changed(SERVERLESS, **{f"group__{name}": blank}))).row()[column] == ""
    for group in (..., None, {}):
        row = transformed(serverless(changed(SERVERLESS, group=group))).row()
        assert (row["model"], row["api_key_id"]) == ("", "")


def test_missing_blank_and_null_tags_are_one_and_the_same_row(transformed: Transformed) -> None:
    keys = set()
    for value in (..., "", None):
        row = transformed(serverless(changed(SERVERLESS, **{"group__annotations.team": value}))).row()
        assert row["tag_team"] == ""
        keys.add(row["row_key"])
    assert len(keys) == 1


@pytest.mark.parametrize("make", [serverless, dedicated, training])
@pytest.mark.parametrize("spelling", ["annotations.team", "team"])
def test_both_spellings_of_a_tag_are_read_alike(transformed: Transformed, make: Any, spelling: str) -> None:
    base = {serverless: SERVERLESS, dedicated: DEDICATED, training: TRAINING}[make]
    group = {name: value for name, value in base["group"].items() if "team" not in name}
    found = [transformed(make(changed(base, group=group | {name: "search"}))).row() for name in (spelling, "team")]
    assert [row["tag_team"] for row in found] == ["search", "search"]
    assert found[0]["row_key"] == found[1]["row_key"]


@pytest.mark.parametrize(
    ("field", "column"), [("cachedPromptTokens", "cached_input_tokens"), ("audioInputSeconds", "audio_seconds")]
)
@pytest.mark.parametrize("value", [..., None])
def test_a_meter_that_is_not_told_is_null_not_zero(
    transformed: Transformed, field: str, column: str, value: object
) -> None:
    row = transformed(serverless(changed(SERVERLESS, **{field: value}))).row()
    assert row[column] is None
    assert row["input_tokens"] == 2480150


@pytest.mark.parametrize("value", [..., None], ids=["absent", "null"])
@pytest.mark.parametrize(("field", "column"), [("promptTokens", "input_tokens"), ("completionTokens", "output_tokens")])
def test_a_count_that_the_format_leaves_out_is_zero_and_a_renamed_one_is_refused(
    transformed: Transformed, field: str, column: str, value: object
) -> None:
    small = changed(SERVERLESS, cachedPromptTokens=..., uncachedPromptTokens=...)
    rows = [changed(small, group__api_key_id=f"k{n}") for n in range(5)]
    rows[3] = changed(rows[3], **{field: value})
    assert sorted(row[column] for row in transformed(serverless(*rows)).rows())[0] == 0
    assert transformed.notes == ["absent_zero"]
    rows[3] |= {"newTokens": "7"}
    with pytest.raises(contract_errors.MissingField, match=rf"serverlessCosts\[3\]\.{field}"):
        transformed(serverless(*rows))


def test_a_row_that_meters_nothing_is_refused(transformed: Transformed) -> None:
    with pytest.raises(contract_errors.MissingField, match="no meter value"):
        transformed(training(changed(TRAINING, tokens=..., acceleratorSeconds=None)))


# Identity


def test_a_deployment_is_one_row_key_bare_or_in_full(transformed: Transformed) -> None:
    forms = [
        DEDICATED,
        changed(DEDICATED, deploymentId="ranker-a"),
        changed(DEDICATED, deploymentId="ranker-a", group__deployment_name="ranker-a"),
        changed(DEDICATED, deploymentId=...),
        changed(DEDICATED, group__deployment_name=...),
    ]
    found = [transformed(dedicated(form)).row() for form in forms]
    assert {row["deployment"] for row in found} == {"ranker-a"}
    assert len({row["row_key"] for row in found}) == 1


@pytest.mark.parametrize("field", ["placement", "baseModel", "usageType", "acceleratorType", "deploymentId"])
def test_every_dimension_sent_is_part_of_the_identity(transformed: Transformed, field: str) -> None:
    rows = transformed(dedicated(DEDICATED, changed(DEDICATED, **{field: "another"}))).rows()
    assert len({row["row_key"] for row in rows}) == 2


@pytest.mark.parametrize("field", ["costNanoUsd", "modelName", "apiKeyId", "someNewField", "acceleratorSeconds"])
def test_what_is_no_dimension_of_the_row_set_changes_nothing(transformed: Transformed, field: str) -> None:
    plain = transformed(serverless(SERVERLESS)).row()
    odd = transformed(serverless(changed(SERVERLESS, **{field: {"deep": [1.5, "x"]}}))).row()
    assert odd == plain


def test_a_new_array_and_new_fields_on_top_are_ignored(transformed: Transformed) -> None:
    answer = serverless(SERVERLESS) | {"embeddingCosts": [{"startTime": 1}], "serverlessCost": 7}
    assert transformed(answer).row()["input_tokens"] == 2480150


def test_a_row_key_is_the_same_for_ever_and_a_blank_dimension_does_not_count() -> None:
    sent = {"model": pa.array(["m", "m"]), "api_key_id": pa.array(["k", ""]), "tag_team": pa.array(["", "t"])}
    keys = row_keys(fireworks.SERVERLESS, sent)
    assert keys.to_pylist() == [
        hashlib.blake2b(text, digest_size=16).hexdigest()
        for text in (b"serverlessCosts\0api_key_id=k\0model=m\0", b"serverlessCosts\0model=m\0tag_team=t\0")
    ]
    later = sent | {"variant": pa.array(["", ""]), "a_new_one": pa.array(["", ""])}
    assert row_keys(fireworks.SERVERLESS, later).equals(keys)
    assert row_keys(fireworks.SERVERLESS, dict(reversed(sent.items()))).equals(keys)
    assert not row_keys(fireworks.TRAINING, sent).equals(keys)
    assert row_keys(fireworks.SERVERLESS, {**sent, "variant": pa.array(["v", ""])})[0] != keys[0]
    assert row_keys(fireworks.SERVERLESS, {"a": pa.array(["x=y"]), "b": pa.array([""])}) != row_keys(
        fireworks.SERVERLESS, {"a": pa.array([""]), "b": pa.array(["x=y"])}
    )


@pytest.mark.parametrize(
    "pair", [("Key", "key"), ("key", "key "), ("\u00e9", "e\u0301")], ids=["case", "blank", "form"]
)
def test_ids_are_compared_by_code_points(transformed: Transformed, pair: tuple[str, str]) -> None:
    rows = transformed(serverless(*(changed(SERVERLESS, group__api_key_id=one) for one in pair))).rows()
    assert tuple(row["api_key_id"] for row in rows) == pair
    assert len({row["row_key"] for row in rows}) == 2


# Repeats


def split(**more: Any) -> Json:
    return changed(SERVERLESS, group__api_key_name="renamed-bot", **more)


def test_rows_split_by_the_keys_name_alone_are_added_up(transformed: Transformed) -> None:
    other = split(promptTokens="100", cachedPromptTokens=None, uncachedPromptTokens=None, completionTokens="1")
    row = transformed(serverless(SERVERLESS, other)).row()
    assert (row["input_tokens"], row["cached_input_tokens"], row["output_tokens"]) == (2480250, 1612800, 301443)
    counted = transformed.staged.tables["usage_daily"]
    assert (counted.rows, counted.raw_rows, counted.sums["input_tokens"]) == (1, 2, "2480250")


@pytest.mark.parametrize("more", [{}, {"colour": "red"}], ids=["", "beside another new field"])
def test_a_grouping_that_a_later_page_has_under_a_new_name_fails_its_date(
    transformed: Transformed, more: dict[str, str]
) -> None:
    """Though rows without it, and alike in all that is declared, were read before."""
    first = changed(SERVERLESS, group__api_key_id=..., **more)
    second = changed(first, group__key_id="k", startTime="2026-09-15T00:00:00Z", endTime="2026-09-16T00:00:00Z")
    staged = transformed(serverless(first), serverless(second), days=2).staged
    assert {day: failure.error_class for day, failure in staged.failed.items()} == {D + DAY: "MissingGroupKey"}


def test_null_and_null_add_up_to_null(transformed: Transformed) -> None:
    rows = [changed(row, cachedPromptTokens=..., uncachedPromptTokens=None) for row in (SERVERLESS, split())]
    assert transformed(serverless(*rows)).row()["cached_input_tokens"] is None


def test_rows_that_add_up_beyond_int64_never_wrap(transformed: Transformed) -> None:
    most = {"promptTokens": str(2**63 - 1), "cachedPromptTokens": ..., "uncachedPromptTokens": ...}
    with pytest.raises(contract_errors.ContractBroken):
        transformed(serverless(changed(SERVERLESS, **most), split(**most)))


BASES = [
    (serverless, SERVERLESS, "completionTokens"),
    (dedicated, DEDICATED, "acceleratorSeconds"),
    (training, TRAINING, "tokens"),
]


@pytest.mark.parametrize(("make", "base", "meter"), BASES, ids=["serverless", "dedicated", "training"])
@pytest.mark.parametrize("pages", [1, 2])
def test_a_row_that_comes_twice_is_never_counted_twice(
    transformed: Transformed, make: Any, base: Json, meter: str, pages: int
) -> None:
    for other, error in (
        (base, contract_errors.DuplicateRow),
        (changed(base, **{meter: "7"}), contract_errors.ContractBroken),
    ):
        answer = [make(base, other)] if pages == 1 else [make(base), make(other)]
        with pytest.raises(error):
            transformed(*answer)


def test_one_key_with_two_values_is_a_conflict(transformed: Transformed) -> None:
    with pytest.raises(contract_errors.ConflictingRows, match=r"serverlessCosts\[1\] repeats \[0\]"):
        transformed(serverless(SERVERLESS, changed(SERVERLESS, completionTokens="1")))


@pytest.mark.parametrize("quantity", [LINE_ITEM["quantity"], 1])
def test_a_line_item_that_repeats_is_added_up(transformed: Transformed, quantity: int) -> None:
    other = changed(LINE_ITEM, quantity=quantity)
    row = transformed(summary(LINE_ITEM, other, totals=[]), report="cost").row("cost_daily")
    assert (row["amount"], row["quantity"]) == (Decimal("33.6"), LINE_ITEM["quantity"] + quantity)
    assert transformed.notes == ["added_up"]


def test_rows_on_several_pages_are_all_taken(transformed: Transformed) -> None:
    pages = [
        serverless(SERVERLESS),
        {},
        serverless(changed(SERVERLESS, group__model_name="other")),
        dedicated(DEDICATED),
    ]
    assert len(transformed(*pages).rows()) == 3
    assert transformed.staged.tables["usage_daily"].sums["input_tokens"] == str(2 * 2480150)


# Numbers


@pytest.mark.parametrize("value", [0, "0", 7, "7", 2**53 + 1, str(2**53 + 1), 2**63 - 1, str(2**63 - 1)])
def test_a_count_is_exact_as_text_and_as_number(transformed: Transformed, value: object) -> None:
    row = transformed(serverless(changed(SERVERLESS, completionTokens=value))).row()
    assert row["output_tokens"] == int(value)  # type: ignore[call-overload]
    assert transformed.staged.tables["usage_daily"].sums["output_tokens"] == str(value)


@pytest.mark.parametrize(
    ("literal", "error"),
    [
        ('"-5"', contract_errors.NegativeCount),
        ("-5", contract_errors.NegativeCount),
        ('""', contract_errors.EmptyNumber),
        (str(2**63), contract_errors.OutOfRange),
        (f'"{2**63}"', contract_errors.OutOfRange),
        ("9" * 4000, contract_errors.OutOfRange),
        ("9" * 6000, contract_errors.ContractBroken),
        *(
            (f'"{text}"', contract_errors.NonCanonicalInteger)
            for text in (" 7", "7 ", "7\\n", "+7", "007", "1_000", "1e3", "12.0", "٣", "0x1")
        ),
        *((text, contract_errors.Shape) for text in ("true", "[]", "{}", "[7]", "NaN", "1e400")),
        *((text, contract_errors.NonCanonicalInteger) for text in ("12.5", "1e-3", "120.5e0")),
        ('"\\ud800"', contract_errors.NonCanonicalInteger),
    ],
)
def test_a_count_in_any_other_form_is_refused(transformed: Transformed, literal: str, error: type[Exception]) -> None:
    body = json.dumps(serverless(changed(SERVERLESS, completionTokens="@"))).replace('"@"', literal)
    with pytest.raises(error) as caught:
        transformed(body.encode())
    assert isinstance(caught.value, contract_errors.ContractBroken)


@pytest.mark.parametrize(
    ("literal", "error"),
    [
        ('""', contract_errors.EmptyNumber),
        *(
            (text, contract_errors.NotFinite)
            for text in ('"NaN"', '"Infinity"', '" 1"', '"٣"', "true", "[]", "{}", '"1_0"')
        ),
        ("1e400", contract_errors.OutOfRange),
        ("1" + "0" * 40, contract_errors.OutOfRange),
        ('"\\ud800"', contract_errors.ContractBroken),
        ('"\\q"', contract_errors.ContractBroken),
    ],
)
def test_a_quantity_in_any_other_form_is_refused(
    transformed: Transformed, literal: str, error: type[Exception]
) -> None:
    body = json.dumps(summary(changed(LINE_ITEM, quantity="@"), totals=[])).replace('"@"', literal)
    with pytest.raises(error):
        transformed(body.encode(), report="cost")


@pytest.mark.parametrize(
    ("literal", "seconds"),
    [
        ("0.1", "0.1"),
        ('"0.1"', "0.1"),
        ("1e-3", "0.001"),
        ("3599.999999999", "3599.999999999"),
        ("0.0000000025", "0.000000002"),
        ("0.30000000000000004", "0.3"),
    ],
)
def test_declared_floats_are_read_as_decimals_and_their_noise_is_no_news(
    transformed: Transformed, literal: str, seconds: str
) -> None:
    body = json.dumps(serverless(changed(SERVERLESS, audioInputSeconds="@"))).replace('"@"', literal)
    assert transformed(body.encode()).row()["audio_seconds"] == Decimal(seconds)
    assert transformed.notes == []


def test_the_parts_of_the_prompt_add_up_or_the_answer_is_refused(transformed: Transformed) -> None:
    rows = [changed(SERVERLESS, group__api_key_id=f"k{n}") for n in range(3)]
    with pytest.raises(contract_errors.ContractBroken, match=r"serverlessCosts\[1\]\.promptTokens is 2480150"):
        transformed(serverless(rows[0], changed(rows[1], uncachedPromptTokens="867351"), rows[2]))
    assert transformed(serverless(changed(SERVERLESS, uncachedPromptTokens=...))).row()
    assert transformed(serverless(changed(SERVERLESS, cachedPromptTokens=None, uncachedPromptTokens="1"))).row()


@pytest.mark.parametrize("bad", ["abc", "-1", "", " 1", str(2**63)])
def test_a_malformed_part_of_the_prompt_is_refused_and_hides_no_imbalance(transformed: Transformed, bad: str) -> None:
    odd = changed(SERVERLESS, uncachedPromptTokens=bad)
    with pytest.raises(contract_errors.ContractBroken):
        transformed(serverless(odd))
    unbalanced = changed(SERVERLESS, group__api_key_id="other", uncachedPromptTokens="1")
    with pytest.raises(contract_errors.ContractBroken):
        transformed(serverless(odd, unbalanced))


# Money


@pytest.mark.parametrize(
    ("sent", "amount"),
    [
        (money("16", 800000000), "16.8"),
        (money(16, 800000000), "16.8"),
        (money("0", 28), "0.000000028"),
        (money("-1", -750000000), "-1.75"),
        (money("0", 0), "0"),
        (money("9223372036854775807", 999999999), "9223372036854775807.999999999"),
        ({"currencyCode": "USD", "units": "3"}, "3"),
        ({"currencyCode": "USD", "nanos": 5}, "0.000000005"),
    ],
)
def test_money_is_exact(transformed: Transformed, sent: Json, amount: str) -> None:
    row = transformed(summary(changed(LINE_ITEM, totalCost=sent)), report="cost").row("cost_daily")
    assert row["amount"] == Decimal(amount)


def test_a_price_of_a_fraction_of_a_nano_is_kept_as_sent_and_never_multiplied(transformed: Transformed) -> None:
    """$0.0075 per million tokens is 7.5 nanos a token: the unit price cannot hold it, the total does."""
    item = changed(LINE_ITEM, quantity=17580572, unitAmount=money("0", 7), totalCost=money("0", 131854290))
    row = transformed(summary(item), report="cost").row("cost_daily")
    assert (row["quantity"], row["unit_price"], row["amount"]) == (
        *(Decimal(17580572), Decimal("0.000000007"), Decimal("0.131854290")),
    )
    assert row["amount"] != row["quantity"] * row["unit_price"]


@pytest.mark.parametrize("sent", [money("1", -1), money("-1", 1), money("0", 10**9), money("0", -(10**9))])
def test_money_that_contradicts_itself_is_refused(transformed: Transformed, sent: Json) -> None:
    with pytest.raises(contract_errors.OutOfRange, match="totalCost"):
        transformed(summary(changed(LINE_ITEM, totalCost=sent)), report="cost")


@pytest.mark.parametrize(
    "sent",
    [
        ...,
        None,
        {},
        money(" 7", 0),
        money("- 7", 0),
        money("1", "1 "),
        money("abc", 0),
        money("", 0),
        money("1", "x"),
        "16.8",
        money(1.5, 0),
    ],
)  # type: ignore[arg-type]
def test_a_total_cost_that_is_no_money_is_refused(transformed: Transformed, sent: object) -> None:
    with pytest.raises(contract_errors.ContractBroken):
        transformed(summary(changed(LINE_ITEM, totalCost=sent)), report="cost")


@pytest.mark.parametrize("currency", [..., None, ""], ids=["absent", "null", "blank"])
def test_money_without_a_currency_is_refused(transformed: Transformed, currency: object) -> None:
    with pytest.raises(contract_errors.ContractBroken):
        transformed(summary(changed(LINE_ITEM, totalCost__currencyCode=currency)), report="cost")


@pytest.mark.parametrize("unit_amount", [..., None])
def test_a_price_that_is_not_sent_is_null(transformed: Transformed, unit_amount: object) -> None:
    row = transformed(summary(changed(LINE_ITEM, unitAmount=unit_amount)), report="cost").row("cost_daily")
    assert row["unit_price"] is None
    assert row["amount"] == Decimal("16.8")


def test_currencies_stay_apart(transformed: Transformed) -> None:
    euros = changed(LINE_ITEM, totalCost=money("2", 0, "EUR"))
    rows = transformed(summary(LINE_ITEM, euros), report="cost").rows("cost_daily")
    assert {row["currency"]: row["amount"] for row in rows} == {"USD": Decimal("16.8"), "EUR": Decimal(2)}
    sums = transformed.staged.tables["cost_daily"].sums
    assert {key: Decimal(value) for key, value in sums.items() if key.startswith("amount")} == {
        "amount USD": Decimal("16.8"),
        "amount EUR": Decimal(2),
    }


def test_a_total_that_differs_is_noted_with_both_numbers(transformed: Transformed) -> None:
    other = changed(LINE_ITEM, totalCost=money("16", 800000001))
    transformed(summary(LINE_ITEM, totals=[other]), report="cost")
    assert "16.800000001" in transformed.staged.mismatch
    assert "16.8000000000" in transformed.staged.mismatch


@pytest.mark.parametrize("totals", [[], None])
def test_totals_that_are_not_sent_or_equal_are_no_mismatch(transformed: Transformed, totals: list[Json] | None) -> None:
    transformed(summary(LINE_ITEM, totals=totals), report="cost")
    assert (transformed.notes, transformed.staged.mismatch) == ([], "")


def test_totals_of_two_currencies_are_never_added_up(transformed: Transformed) -> None:
    def of(dollars: str, euros: str) -> list[Json]:
        return [changed(LINE_ITEM, totalCost=money(n, 0, code)) for n, code in ((dollars, "USD"), (euros, "EUR"))]

    transformed(summary(*of("2", "1"), totals=of("1", "2")), report="cost")
    assert transformed.staged.mismatch


@pytest.mark.parametrize("bad", [money("abc", 0), money("1", "x"), money(" 7", 0), money("1", -1), money("1_000", 0)])
def test_a_malformed_total_is_refused_like_any_number(transformed: Transformed, bad: Json) -> None:
    with pytest.raises(contract_errors.ContractBroken):
        transformed(summary(LINE_ITEM, totals=[changed(LINE_ITEM, totalCost=bad)]), report="cost")


@pytest.mark.parametrize(
    ("series", "usage_type"),
    [
        ("SERVERLESS", "serverless"),
        ("DEDICATED_DEPLOYMENT", "dedicated"),
        ("TRAINING", "training"),
        ("VIDEO", "VIDEO"),
        (..., ""),
    ],
)
def test_a_series_is_told_in_our_words_or_kept_as_sent(
    transformed: Transformed, series: object, usage_type: str
) -> None:
    row = transformed(summary(changed(LINE_ITEM, series=series)), report="cost").row("cost_daily")
    assert row["usage_type"] == usage_type


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"secondaryGroupingKey": ..., "secondaryGroupingValue": ...}, "model_bucket=GLM 5.3"),
        ({"groupingKey": "", "groupingValue": "", "secondaryGroupingKey": None}, ""),
        ({"groupingValue": None}, "model_bucket=; is_batch=false"),
    ],
)
def test_both_grouping_pairs_are_the_line_item(transformed: Transformed, more: Json, text: str) -> None:
    row = transformed(summary(changed(LINE_ITEM, **more)), report="cost").row("cost_daily")
    assert row["line_item"] == text


# Buckets


def at(start: str, end: str) -> Json:
    return serverless(changed(SERVERLESS, startTime=start, endTime=end))


LA = "America/Los_Angeles"


@pytest.mark.parametrize(
    ("zone", "start", "end", "labelled"),
    [
        ("UTC", START, END, False),
        ("UTC", "2026-09-14T00:00:00+00:00", "2026-09-15T00:00:00.000000000Z", False),
        (LA, "2026-09-14T07:00:00Z", "2026-09-15T07:00:00Z", False),
        (LA, "2026-09-14T00:00:00-07:00", "2026-09-15T00:00:00-0700", False),
        (LA, START, END, True),
        ("Pacific/Kiritimati", "2026-09-13T10:00:00Z", "2026-09-14T10:00:00Z", False),
        ("Pacific/Kiritimati", START, END, True),
        ("Asia/Kathmandu", "2026-09-13T18:15:00Z", "2026-09-14T18:15:00Z", False),
    ],
)
def test_a_bucket_is_its_local_date_as_instants_or_as_label(
    transformed: Transformed, zone: str, start: str, end: str, labelled: bool
) -> None:
    row = transformed(at(start, end), zone=zone).row()
    assert row["usage_date"] == D
    assert transformed.notes == (["date_labels"] if labelled else [])
    assert row["bucket_start"].astimezone(UTC) < row["bucket_end"].astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "day", "start", "end"),
    [
        (LA, "2026-11-01", "2026-11-01T07:00:00Z", "2026-11-02T08:00:00Z"),
        (LA, "2026-03-08", "2026-03-08T08:00:00Z", "2026-03-09T07:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z"),
        ("America/Havana", "2026-03-08", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"),
    ],
)
@pytest.mark.parametrize("labelled", [False, True])
def test_days_of_other_lengths_are_one_bucket(
    transformed: Transformed, zone: str, day: str, start: str, end: str, labelled: bool
) -> None:
    first = date.fromisoformat(day)
    sent = at(f"{first}T00:00:00Z", f"{first + DAY}T00:00:00Z") if labelled else at(start, end)
    row = transformed(sent, zone=zone, first=first).row()
    assert row["usage_date"] == first
    assert (row["bucket_start"], row["bucket_end"]) == (datetime.fromisoformat(start), datetime.fromisoformat(end))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-09-13T00:00:00Z", "2026-09-14T00:00:00Z"),
        ("2026-09-15T00:00:00Z", "2026-09-16T00:00:00Z"),
        ("2025-09-14T00:00:00Z", "2025-09-15T00:00:00Z"),
    ],
)
def test_a_day_that_was_not_asked_for_is_refused(transformed: Transformed, start: str, end: str) -> None:
    with pytest.raises(contract_errors.OutOfWindow):
        transformed(at(start, end))


@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        *(
            ("UTC", start, end)
            for start, end in (
                ("2026-09-14T00:00:00Z", "2026-09-14T23:00:00Z"),
                ("2026-09-14T00:00:00Z", "2026-09-16T00:00:00Z"),
                ("2026-09-14T01:00:00Z", "2026-09-15T01:00:00Z"),
                ("2026-09-14T00:00:00Z", "2026-09-14T00:00:00Z"),
                ("2026-09-15T00:00:00Z", "2026-09-14T00:00:00Z"),
                ("2026-09-14T00:00:00", "2026-09-15T00:00:00"),
                ("2026-09-14", "2026-09-15"),
                ("2026-09-14T00:00:60Z", "2026-09-15T00:00:00Z"),
                ("2026-02-30T00:00:00Z", "2026-03-01T00:00:00Z"),
                ("1789344000", "1789430400"),
                ("", ""),
                ("soon", "later"),
            )
        ),
        (LA, "2026-09-14T08:00:00Z", "2026-09-15T08:00:00Z"),
        (LA, "2026-09-14T07:00:00Z", "2026-09-15T06:00:00Z"),
        (LA, "2026-09-14T00:00:00.5Z", "2026-09-15T00:00:00.5Z"),
    ],
)
def test_a_slice_that_is_no_day_is_refused(transformed: Transformed, zone: str, start: str, end: str) -> None:
    with pytest.raises(contract_errors.BadBucket):
        transformed(at(start, end), zone=zone)


@pytest.mark.parametrize("bounds", [{"startTime": ...}, {"endTime": None}])
def test_a_row_without_a_day_is_refused(transformed: Transformed, bounds: Json) -> None:
    with pytest.raises(contract_errors.MissingField):
        transformed(serverless(changed(SERVERLESS, **bounds)))


def test_labels_are_not_accepted_where_they_are_not_declared(transformed: Transformed) -> None:
    with pytest.raises(contract_errors.ContractBroken):
        transformed(
            summary(LINE_ITEM, startTime="2026-09-14T07:00:00Z", endTime="2026-09-15T07:00:00Z"), report="cost", zone=LA
        )


def test_costs_are_utc_days_in_every_zone(transformed: Transformed) -> None:
    row = transformed(summary(LINE_ITEM), report="cost", zone=LA).row("cost_daily")
    assert (row["usage_date"], row["bucket_start"]) == (D, datetime(2026, 9, 14, tzinfo=UTC))


def test_instants_and_labels_in_one_answer_are_refused(transformed: Transformed) -> None:
    rows = [
        changed(SERVERLESS, startTime="2026-09-14T07:00:00Z", endTime="2026-09-15T07:00:00Z"),
        changed(SERVERLESS, startTime="2026-09-15T00:00:00Z", endTime="2026-09-16T00:00:00Z"),
    ]
    with pytest.raises(contract_errors.BadBucket, match="mixes"):
        transformed(serverless(*rows), zone=LA, days=2)


def test_labels_in_a_zone_that_is_at_utc_in_winter_are_no_mixture(transformed: Transformed) -> None:
    rows = [
        changed(SERVERLESS, startTime=f"2026-03-{day}T00:00:00Z", endTime=f"2026-03-{day + 1}T00:00:00Z")
        for day in (28, 29, 30)
    ]
    found = transformed(serverless(*rows), zone="Europe/London", first=date(2026, 3, 28), days=3).rows()
    assert [row["usage_date"].day for row in found] == [28, 29, 30]
    assert transformed.notes == ["date_labels"]


# Shape


@pytest.mark.parametrize(
    "answer",
    [
        *({"serverlessCosts": value} for value in ({}, "x", 7, [7], [[SERVERLESS]], ["x"])),
        serverless(changed(SERVERLESS, group=[])),
        serverless(changed(SERVERLESS, group="x")),
        serverless(changed(SERVERLESS, usageType=7)),
        serverless(changed(SERVERLESS, group__model_name=["m"])),
        serverless(changed(SERVERLESS, startTime=1789344000)),
    ],
    ids=str,
)
def test_a_value_of_another_type_is_refused_with_its_place(transformed: Transformed, answer: Json) -> None:
    with pytest.raises(contract_errors.Shape) as caught:
        transformed(answer)
    assert "serverlessCosts" in str(caught.value)


@pytest.mark.parametrize("answer", [b"[]", b"7", b"null", b'"x"'])
def test_an_answer_that_is_no_object_is_refused(transformed: Transformed, answer: bytes) -> None:
    with pytest.raises(contract_errors.Shape):
        transformed(answer)


@pytest.mark.parametrize("field", ["model_name", "api_key_id"])
def test_an_id_with_a_nul_is_refused(transformed: Transformed, field: str) -> None:
    with pytest.raises(contract_errors.BadId):
        transformed(serverless(changed(SERVERLESS, **{f"group__{field}": "a\0b"})))


def test_a_name_with_a_nul_is_kept_readable(transformed: Transformed) -> None:
    transformed(serverless(changed(SERVERLESS, group__api_key_name="a\0b")))
    assert [row["name"] for row in transformed.rows("name_observation")] == ["a\ufffdb"]


def test_a_byte_order_mark_is_no_part_of_an_answer(transformed: Transformed) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(serverless(SERVERLESS)).encode()
    assert transformed(body).row()["input_tokens"] == 2480150


# The declaration


def test_no_two_records_of_one_usage_type_fill_the_same_meter() -> None:
    seen: set[tuple[str, ...]] = set()
    for report in FIREWORKS.reports:
        for row_set in report.row_sets:
            for meter in row_set.meters if row_set.breakdown == "" else ():
                cell = (row_set.table, dict(row_set.constants).get("usage_type", ""), meter.column)
                assert cell not in seen
                seen.add(cell)


def test_every_declared_column_is_in_its_contract() -> None:
    for report in FIREWORKS.reports:
        for row_set in report.row_sets:
            if row_set.table:
                table = contract(row_set.table)
                assert {dimension.column for dimension in row_set.dimensions} <= set(table.names("dimension"))
                assert {meter.column for meter in row_set.meters} <= set(table.names("meter"))
                assert {name for name, _ in row_set.constants} <= set(table.names())


def test_a_changed_declaration_has_another_hash() -> None:
    hashes = {report.declaration() for report in FIREWORKS.reports}
    assert len(hashes) == len(FIREWORKS.reports)
    assert FIREWORKS.report("usage").declaration() == FIREWORKS.report("usage").declaration()


def test_every_grouping_of_the_documentation_is_asked_for() -> None:
    assert {*dict(FIREWORKS.report("usage").source.request.query)["groupBy"]} == {
        *("model_name", "api_key_id", "api_key_name", "deployment_name", "accelerator_type", "job_id", "job_type"),
        *("usage_type", "base_model", "annotations.team", "annotations.project", "annotations.environment"),
    }


def test_the_declaration_is_short_and_says_what_it_measures() -> None:
    text = Path(fireworks.__file__).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert text.count("\ndef ") <= 2
    about = fireworks.__doc__ or ""
    for word in ("Measures", "Grain", "Units", "Limits", "Lag", "Source", "Last checked"):
        assert word in about
