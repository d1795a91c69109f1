"""Dates that the vendor no longer answers for: told as such, without asking."""

from collections.abc import Callable
from datetime import date, timedelta

from kit.answering import NOW, Account, Answer, Received, sample

from usage_ledger.core.errors import OutOfReach

Make = Callable[..., Account]
TODAY = NOW.date()


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def activity(request: Received) -> Answer:
    """As the vendor answers: the last thirty complete days, and 400 for older ones."""
    [day] = request.values("date")
    if date.fromisoformat(day) < ago(30):
        return Answer(sample("or-date-too-old"), 400)
    row = {
        "date": day,
        "model_permaslug": "acme/one",
        "endpoint_id": "e",
        "provider_name": "P",
        "workspace_id": "w",
        "requests": 1,
        "prompt_tokens": 5,
        "completion_tokens": 2,
        "reasoning_tokens": 0,
        "usage": 0.5,
        "byok_usage_inference": 0,
    }
    return Answer({"data": [row]})


def test_or_date_too_old(account: Make) -> None:
    one = account("openrouter")
    one.server.answers |= {"/key": Answer({"data": {"is_management_key": True}}), "/activity": activity}
    ran = one.run(ago(33), ago(29), reports=("activity",))
    [failure] = [failure for failure in ran.failures if failure.report == "activity"]
    assert type(failure) is OutOfReach
    for words in ("last 30 complete dates", str(ago(30)), f"{ago(33)} to {ago(31)}", "not asked for", "Analytics"):
        assert words in str(failure)
    assert one.days("activity") == {ago(30): "loaded", ago(29): "loaded"}
    asked = [request.values("date") for request in one.server.requests if request.path.endswith("/activity")]
    assert asked == [[str(ago(30))], [str(ago(29))]]
    coverage = "SELECT usage_date, state FROM marts.coverage WHERE connection_id = %s AND report = 'activity'"
    assert "failed" not in dict(one.query(coverage)).values()
