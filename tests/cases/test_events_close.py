"""An event is open until the load that mends it is in; what says how many are open agrees."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from kit.answering import NOW, Account, Answer
from kit.fireworks_answers import serverless, usage

from usage_ledger.pipeline.rebuild import release
from usage_ledger.warehouse import status

DAY = date(2026, 11, 26)
USAGE = "/billingUsage"


@pytest.fixture
def fireworks(account: Callable[..., Account]) -> Account:
    made = account("fireworks")
    made.server.answers["/users"] = Answer({"users": []})
    made.server.answers["/accounts"] = Answer({"accounts": [{"name": f"accounts/{made.account}"}]})
    return made


def answer(*days: date) -> Answer:
    return Answer(usage(*map(serverless, days)))


def run(account: Account, *days: date, first: date = DAY, last: date | None = None, hours: int = 0) -> Any:
    account.server.answers[USAGE] = answer(*days)
    return account.run(first, last, reports=("usage",), now=NOW + timedelta(hours=hours))


def closed(account: Account) -> dict[str, bool]:
    """Each kind of event, and whether its events are closed by a load of the connection."""
    rows = account.query(
        "SELECT event.kind, bool_and(event.closed_at IS NOT NULL AND load.state IN ('loaded', 'held')) FROM ops.event "
        "AS event LEFT JOIN ops.load AS load ON load.load_id = event.closed_by AND load.report = event.report "
        "WHERE event.connection_id = %s GROUP BY 1"
    )
    return dict(rows)


def open_events(account: Account) -> int:
    """As the view counts them, and `usage-ledger status`, which must agree."""
    [(number,)] = account.query("SELECT open_events FROM marts.connection_status WHERE connection_id = %s")
    [state] = status.connections(account.engine, account.connection_id)
    events = status.events(account.engine, account.connection_id)
    assert state["open_events"] == number == sum(event["closed_at"] is None for event in events)
    assert (state["newest_event"] is None) == (number == 0)
    return int(number)


@pytest.mark.parametrize("status_code", [401, 403, 400, 500])
def test_a_failure_is_closed_by_the_next_load_of_its_report(fireworks: Account, status_code: int) -> None:
    fireworks.server.answers[USAGE] = Answer({"message": "no"}, status_code)
    assert fireworks.run(DAY, reports=("usage",)).failures
    assert closed(fireworks) == {"extract_failed": False}
    assert open_events(fireworks) == 1
    assert run(fireworks, DAY).failures == []
    assert closed(fireworks) == {"extract_failed": True}
    assert open_events(fireworks) == 0


def test_a_failure_of_another_report_stays_open(fireworks: Account) -> None:
    fireworks.server.answers["/billing/summary"] = Answer({"message": "no"}, 403)
    assert fireworks.run(DAY, reports=("cost",)).failures
    assert run(fireworks, DAY).failures == []
    [(opened,)] = fireworks.query(
        "SELECT count(*) FROM ops.event WHERE connection_id = %s AND report = 'cost' AND closed_at IS NULL"
    )
    assert opened == 1


def test_a_held_date_is_closed_by_rows_by_a_release_and_by_nothing_else(fireworks: Account) -> None:
    other = DAY - timedelta(days=1)
    assert run(fireworks, DAY, other, first=other, last=DAY).failures == []
    run(fireworks, other, first=other, last=DAY)
    assert closed(fireworks) == {"vanished": False}
    run(fireworks, other, first=other)
    assert closed(fireworks) == {"vanished": False}
    assert open_events(fireworks) == 1
    run(fireworks, DAY, other, first=other, last=DAY)
    assert closed(fireworks) == {"vanished": True}
    run(fireworks, other, first=other, last=DAY)
    assert open_events(fireworks) == 1
    connection = fireworks.connection(reports=("usage",))
    assert release(connection, DAY, engine=fireworks.engine, root=fireworks.root).failures == []
    assert {kind: done for kind, done in closed(fireworks).items() if kind != "rows_stopped"} == {"vanished": True}


def test_rows_that_stopped_are_no_news_once_they_come_again(fireworks: Account) -> None:
    days = [DAY - timedelta(days=n) for n in range(28)]
    assert run(fireworks, *days[3:], first=days[-1], last=days[3]).failures == []
    for day in (days[2], days[1]):
        run(fireworks, first=day)
    assert closed(fireworks).get("rows_stopped") is False
    run(fireworks, DAY)
    assert closed(fireworks) == {"rows_stopped": True}


def test_an_event_that_is_younger_than_the_answer_stays_open(fireworks: Account) -> None:
    """An older answer that is loaded again mends nothing that failed after it."""
    assert run(fireworks, DAY).failures == []
    later: datetime = NOW + timedelta(hours=1)
    fireworks.server.answers[USAGE] = Answer({"message": "no"}, 403)
    assert fireworks.run(DAY, reports=("usage",), now=later).failures
    from usage_ledger.pipeline.rebuild import rebuild

    assert rebuild(fireworks.connection(reports=("usage",)), None, engine=fireworks.engine, root=fireworks.root).loads
    assert closed(fireworks) == {"extract_failed": False}


def test_a_failure_stays_open_while_a_date_of_its_window_is_failed(fireworks: Account) -> None:
    fireworks.server.answers[USAGE] = Answer({"message": "no"}, 500)
    earlier = DAY - timedelta(days=5)
    assert fireworks.run(earlier, reports=("usage",)).failures
    assert run(fireworks, DAY).failures == []
    assert closed(fireworks) == {"extract_failed": False}
    assert run(fireworks, earlier, first=earlier).failures == []
    assert closed(fireworks) == {"extract_failed": True}


def test_a_total_that_differed_is_closed_by_rows_that_agree_and_by_nothing_else(fireworks: Account) -> None:
    def cost(total: str, row: str, day: date = DAY) -> None:
        item = {"totalCost": {"currencyCode": "USD", "units": row, "nanos": 0}, "category": "a", "series": "serverless"}
        whole = {"totalCost": {"currencyCode": "USD", "units": total, "nanos": 0}}
        bounds = {"startTime": f"{day}T00:00:00Z", "endTime": f"{day + timedelta(days=1)}T00:00:00Z"}
        answer = {"lineItems": [item | whole], "usageBuckets": [bounds | {"lineItems": [item]}]}
        fireworks.server.answers["/summary"] = Answer(answer)
        assert fireworks.run(day, reports=("cost",)).failures == []

    cost("3", "2")
    assert fireworks.days("cost") == {DAY: "held"}
    earlier = DAY - timedelta(days=1)
    cost("3", "3", earlier)
    assert closed(fireworks) == {"totals_mismatch": False}
    cost("3", "3")
    assert fireworks.days("cost") == {DAY: "loaded", earlier: "loaded"}
    assert closed(fireworks) == {"totals_mismatch": True}


def test_names_that_were_missing_are_closed_by_a_list_that_comes_whole(fireworks: Account) -> None:
    def missing() -> list[bool]:
        of_kind = "FROM ops.event WHERE connection_id = %s AND kind = 'names_missing' ORDER BY at"
        return [done for (done,) in fireworks.query(f"SELECT closed_at IS NOT NULL {of_kind}")]

    fireworks.server.answers["/users"] = Answer({"message": "no"}, 403)
    for _ in range(2):
        assert run(fireworks, DAY).failures == []
        assert missing() == [False]
    fireworks.server.answers["/users"] = Answer({"users": []})
    run(fireworks, DAY)
    assert missing() == [True]
    fireworks.server.answers["/users"] = Answer({"message": "no"}, 403)
    run(fireworks, DAY)
    assert missing() == [True, False]


def test_part_of_a_list_that_is_missing_stays_open_while_it_is(fireworks: Account) -> None:
    users = {"users": [{"name": f"accounts/{fireworks.account}/users/{name}"} for name in ("ann", "bob")]}
    fireworks.server.answers["/users"] = Answer(users)
    fireworks.server.answers["/users/ann/apiKeys"] = Answer({"apiKeys": []})
    for _ in range(2):
        assert run(fireworks, DAY).failures == []
        assert (closed(fireworks), open_events(fireworks)) == ({"names_missing": False}, 1)
    fireworks.server.answers["/users/bob/apiKeys"] = Answer({"apiKeys": []})
    run(fireworks, DAY)
    assert closed(fireworks) == {"names_missing": True}


def test_what_an_older_answer_lacks_is_closed_by_the_newer_one_in_a_rebuild(fireworks: Account) -> None:
    from usage_ledger.pipeline.rebuild import rebuild

    fireworks.server.answers[USAGE] = Answer(usage(serverless(DAY, completionTokens="12.5")))
    assert fireworks.run(DAY, reports=("usage",)).failures
    assert run(fireworks, DAY).failures == []
    connection = fireworks.connection(reports=("usage",))
    assert rebuild(connection, None, engine=fireworks.engine, root=fireworks.root).failures == []
    assert closed(fireworks) == {"date_failed": True}
    assert open_events(fireworks) == 0
    assert fireworks.query("SELECT evidence FROM ops.day WHERE connection_id = %s AND report = 'usage'") == [({},)]


def test_an_older_answer_that_is_read_again_fails_no_date_of_a_newer_one(fireworks: Account) -> None:
    from usage_ledger.core.windows import Window
    from usage_ledger.pipeline.rebuild import rebuild

    earlier = DAY - timedelta(days=1)
    rows = [serverless(day, completionTokens="12.5") for day in (earlier, DAY)]
    fireworks.server.answers[USAGE] = Answer(usage(*rows))
    assert fireworks.run(earlier, DAY, reports=("usage",)).failures
    assert run(fireworks, DAY).failures == []
    connection = fireworks.connection(reports=("usage",))
    assert rebuild(connection, Window(earlier, DAY), engine=fireworks.engine, root=fireworks.root).failures
    assert fireworks.days("usage") == {earlier: "failed", DAY: "loaded"}
    opened = "SELECT DISTINCT usage_date FROM ops.event WHERE connection_id = %s AND closed_at IS NULL"
    assert fireworks.query(opened) == [(earlier,)]
    evidence = "SELECT evidence FROM ops.day WHERE connection_id = %s AND report = 'usage' AND usage_date = %s"
    assert fireworks.query(evidence, DAY) == [({},)]
