"""Values that are well-formed and mean nothing: each is a named error or is left alone, never a crash."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from usage_ledger.core import contract_errors, errors, provider_errors
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.http.error_mapping import status_of_error
from usage_ledger.http.page import Call, Page
from usage_ledger.http.paging import next_call
from usage_ledger.http.waits import date_of, retry_after
from usage_ledger.model import Cursor, Link, Paging
from usage_ledger.providers import PROVIDERS
from usage_ledger.reading.days import instant

FOREVER = "Mon, 01 Jan 99999999999 00:00:00 GMT"


@pytest.mark.parametrize(
    "told", ["Tue, 20 Oct 2026 00:00:00", "Tue, 20 Oct 2026 00:00:00 -0000", "Tue, 20 Oct 2026 02:00:00 +0200"]
)
def test_the_date_of_an_answer_is_of_utc_whether_or_not_it_says_so(told: str) -> None:
    found = date_of({"date": told})
    assert found is not None
    assert (found.isoformat(), found.utcoffset()) == ("2026-10-20T00:00:00+00:00", timedelta())


@pytest.mark.parametrize("told", ["", FOREVER, "Tue, 20 Oct 2026 00:00:00 +99999999999999", "yesterday"])
def test_a_date_that_is_none_counts_for_nothing(told: str) -> None:
    assert date_of({"date": told}) is None
    assert retry_after({"retry-after": told}) is None


@pytest.mark.parametrize(
    "told", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]
)
def test_an_instant_at_the_ends_of_the_calendar_is_of_no_bucket(told: str) -> None:
    with pytest.raises(contract_errors.BadBucket, match=r"^start is '"):
        instant("start", told)


def test_seconds_at_the_end_of_the_calendar_are_of_no_bucket() -> None:
    with pytest.raises(contract_errors.MissingField):
        instant("start", 253_402_300_799)
    assert instant("start", 1_790_000_000).tzinfo is UTC


@pytest.mark.parametrize(
    ("paging", "fields", "error"),
    [
        (Link("next"), {"next": b'"https://[x/v1/predictions"'}, provider_errors.HostRefused),
        (
            Cursor("next_page", "page", more="has_more"),
            {"next_page": b'"a"', "has_more": b"1e999"},
            contract_errors.Shape,
        ),
        (Cursor("next_page", "page"), {"next_page": b"1" * 5000}, contract_errors.Shape),
    ],
    ids=["an_address_that_is_none", "more_beyond_all_numbers", "a_mark_of_5000_digits"],
)
def test_a_page_mark_that_means_nothing_is_refused(
    paging: Paging, fields: dict[str, bytes], error: type[errors.UsageLedgerError]
) -> None:
    raws = {name: msgspec.Raw(value) for name, value in fields.items()}
    with pytest.raises(error):
        next_call(
            paging, Page(Call("/v1/x"), b"", 200, datetime.now(UTC), fields=raws), Call("/v1/x"), ("api.example.org",)
        )


def test_a_page_mark_too_long_for_an_address_is_refused() -> None:
    openai = PROVIDERS["openai"]
    with (
        Client(
            openai, base_url="https://api.openai.com", credential=Credential("sk-admin-nobody"), account="acme"
        ) as client,
        pytest.raises(contract_errors.Shape, match="next page"),
    ):
        client.ask(Call("/v1/organization/costs", (("page", "x" * 70_000),)))


@pytest.mark.parametrize(("code", "status"), [(503, 503), (429, 429), (8, 429), (9999, 400), ('"x"', 400)], ids=str)
def test_an_error_in_a_good_answer_stands_for_its_own_status(code: object, status: int) -> None:
    body = f'{{"error": {{"code": {code}, "message": "no"}}}}'.encode()
    assert status_of_error(body, ("error/message",)) == status
