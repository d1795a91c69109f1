"""Rows that the vendor attributes to nobody, beside rows whose grouping has a new name."""

from collections.abc import Callable
from datetime import date

import pytest
from kit import vendor_rows as vendor
from kit.answering import Account, sample
from kit.vendor_rows import changed

DAY = date(2026, 11, 10)


@pytest.mark.parametrize("group", [b'"group": {', b'"group": {"api_key_id": "",', b'"group": {"api_key_id": null,'])
def test_a_row_without_a_key_loads_beside_others(account: Callable[..., Account], group: bytes) -> None:
    fireworks = account("fireworks")
    first, last = sample("fw-row-without-api-key").rsplit(b'"group": {', 1)
    assert vendor.FIREWORKS.load(fireworks, first + group + last) == []
    assert fireworks.days("usage") == {DAY: "loaded"}
    assert len(fireworks.usage("api_key_id")) == 2
    assert ("",) in fireworks.usage("api_key_id")


@pytest.mark.parametrize("path", ["group/api_key_id", "group/model_name"])
def test_a_grouping_under_a_new_name_fails_its_date(account: Callable[..., Account], path: str) -> None:
    fireworks = account("fireworks")
    row = changed(changed(vendor.SERVERLESS, path, ...), "group/renamed", "k")
    [failure] = vendor.FIREWORKS.run(fireworks, row)
    assert path.replace("/", ".") in str(failure)
    assert "group/renamed" in str(failure)
    assert fireworks.days("usage") == {DAY: "failed"}


def test_a_dedicated_row_without_a_deployment_loads(account: Callable[..., Account]) -> None:
    fireworks = account("fireworks")
    assert vendor.DEDICATED.run(fireworks, changed(vendor.DEDICATED.row, "deploymentId", ...)) == []
    assert fireworks.usage("deployment, accelerator_seconds") == [("", 86400)]


def test_a_grouping_that_no_row_has_is_reported(account: Callable[..., Account]) -> None:
    fireworks = account("fireworks")
    row = changed(vendor.SERVERLESS, "group/api_key_id", ...)
    assert vendor.FIREWORKS.run(fireworks, row) == []
    [(kind, severity, message)] = fireworks.events()
    assert (kind, severity) == ("not_grouped", "warning")
    assert "serverlessCosts.group.api_key_id" in message
