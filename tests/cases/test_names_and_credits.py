"""Credits as rows of their own; and whose a key is, what a service account is called, and how a project stands."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from kit import vendor_rows as vendor
from kit.answering import Account, Answer, sample
from kit.vendor_rows import DAY, Sent, changed

Accounts = Callable[..., Account]


@pytest.mark.parametrize(
    ("sent", "path", "value"),
    [
        (vendor.FIREWORKS_COST, "totalCost", {"currencyCode": "USD", "units": "-1", "nanos": 0}),
        (vendor.OPENAI_COST, "amount/value", "-1"),
        (vendor.ANTHROPIC_COST, "amount", "-100.00"),
    ],
    ids=lambda one: one.report if isinstance(one, Sent) else "",
)
def test_a_line_that_takes_back_is_a_credit_of_its_own(account: Accounts, sent: Sent, path: str, value: object) -> None:
    ours = account(sent.provider)
    assert sent.run(ours, sent.row, changed(sent.row, path, value)) == []
    assert ours.cost("charge_category, amount") == [("Credit", Decimal(-1)), ("Usage", Decimal("1.5"))]


def test_a_line_keeps_its_identity_next_to_a_credit(account: Accounts) -> None:
    ours = account("openai")
    assert vendor.OPENAI_COST.run(ours, vendor.OPENAI_COST.row) == []
    before = ours.cost("row_key, load_id")
    credit = changed(vendor.OPENAI_COST.row, "amount/value", "-1")
    assert vendor.OPENAI_COST.run(ours, vendor.OPENAI_COST.row, credit) == []
    assert before[0] in ours.cost("row_key, load_id")


def test_requests_with_own_keys_are_a_part_of_the_requests(account: Accounts) -> None:
    ours = account("openrouter")
    assert vendor.OPENROUTER.run(ours, dict(vendor.OPENROUTER.row) | {"byok_requests": 4.0}) == []
    assert ours.usage("requests, byok_requests") == [(44, 4)]
    assert ours.events() == []


@pytest.mark.parametrize(
    ("sent", "columns", "expected"),
    [
        (vendor.ANTHROPIC, "speed, output_tokens", [("fast", 200), ("standard", 200)]),
        (vendor.ANTHROPIC_COST, "speed, amount", [("fast", Decimal("1.5")), ("standard", Decimal("1.5"))]),
    ],
    ids=["messages", "cost"],
)
def test_rows_that_differ_by_speed_alone_are_two(
    account: Accounts, sent: Sent, columns: str, expected: list[tuple[object, ...]]
) -> None:
    ours = account("anthropic")
    assert sent.run(ours, *(dict(sent.row) | {"speed": speed} for speed in ("standard", "fast"))) == []
    assert (ours.cost if sent is vendor.ANTHROPIC_COST else ours.usage)(columns) == expected
    assert ours.events() == []


def names_of(ours: Account) -> list[tuple[object, ...]]:
    return ours.query(
        "SELECT kind, id, name, parent_id, owner_id, tags FROM ledger.name WHERE connection_id = %s ORDER BY 1, 2"
    )


def test_the_owner_of_a_key_and_the_state_of_a_project_are_known(account: Accounts) -> None:
    ours = account("openai")
    answers = ours.server.answers
    folder = "openai-keys-one-project-500"
    user = {"type": "user", "user": {"id": "user-1", "name": "Dana", "email": "dana@example.com"}}
    key = {"object": "organization.project.api_key", "id": "key_c", "name": "name-c", "owner": user}
    robot = {"object": "organization.project.service_account", "id": "svc_1", "name": "bot", "role": "member"}
    answers["/organization/costs"] = Answer(sample(folder))
    answers["/organization/users"] = Answer({"object": "list", "data": [], "has_more": False})
    answers["/organization/projects"] = Answer(sample(folder, "projects.json"))
    for project in ("proj_a", "proj_b", "proj_c"):
        answers[f"/{project}/api_keys"] = Answer({"object": "list", "data": [], "has_more": False})
        answers[f"/{project}/service_accounts"] = Answer({"object": "list", "data": [], "has_more": False})
    answers["/proj_a/api_keys"] = Answer(sample(folder, "keys-proj_a.json"))
    answers["/proj_c/api_keys"] = Answer({"object": "list", "data": [key], "has_more": False})
    answers["/proj_a/service_accounts"] = Answer({"object": "list", "data": [robot], "has_more": False})
    assert ours.run(DAY.replace(day=20), reports=("costs",)).failures == []
    assert names_of(ours) == [
        ("api_key", "key_a", "name-a", "proj_a", "svc_1", None),
        ("api_key", "key_c", "name-c", "proj_c", "user-1", None),
        ("project", "proj_a", "A", None, None, '{"status":"active"}'),
        ("project", "proj_b", "B", None, None, '{"status":"active"}'),
        ("project", "proj_c", "C", None, None, '{"status":"active"}'),
        ("user", "svc_1", "bot", "proj_a", None, None),
    ]
    assert b"dana@example.com" not in ours.raw()


def test_the_people_of_an_organization_have_names_and_no_addresses(account: Accounts) -> None:
    ours = account("anthropic")
    user = {"id": "user_1", "type": "user", "name": "Dana", "email": "dana@example.com", "role": "developer"}
    body = vendor.ANTHROPIC.answer(vendor.ANTHROPIC.row)
    assert vendor.ANTHROPIC.load(ours, body) == []
    ours.server.answers["/organizations/users"] = Answer({"data": [user], "has_more": False})
    assert ours.run(DAY, reports=("messages",)).failures == []
    assert names_of(ours) == [("user", "user_1", "Dana", None, None, None)]
    assert b"dana@example.com" not in ours.raw()
