"""Answers that are not whole, of every provider and report, served over loaded dates again and again, hours apart."""

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from providers.spoiled import FIRST, Desk, Json, Spoiled, ending, of_facts
from sqlalchemy import Engine

from kit.declared_requests import paging_of
from usage_ledger.model import Bucket, Cursor, Objects, Report
from usage_ledger.providers import PROVIDERS

Change = Callable[[Json], Json]
ERRORS: tuple[Json, ...] = (
    {"message": "no"},
    {"error": "no"},
    {"error": {"message": "no", "code": 500}},
    {"detail": "no"},
    {"errors": [{"message": "no"}]},
    {"code": 13, "status": "INTERNAL"},
)
CONTENT = """
SELECT md5(coalesce(string_agg(content, ',' ORDER BY content), '')), count(*) FROM (
    SELECT (to_jsonb(fact) - 'load_id')::text AS content FROM ledger.usage_daily AS fact WHERE connection_id = %s
    UNION ALL
    SELECT (to_jsonb(fact) - 'load_id')::text FROM ledger.cost_daily AS fact WHERE connection_id = %s
) AS facts
"""


def changes_of(report: Report) -> dict[str, Change]:
    """The ways in which an answer of a report may lack something, each as what it does to the document."""
    changes: dict[str, Change] = {f"error {n}": lambda _, error=error: error for n, error in enumerate(ERRORS)}  # type: ignore[misc]
    lists = {row_set.path.split("/")[0] for row_set in report.row_sets}
    if not all(row_set.optional for row_set in report.row_sets):
        changes |= {
            "null lists": lambda document: document | dict.fromkeys(lists),
            "missing lists": lambda document: {name: document[name] for name in document.keys() - lists},
            "nothing": lambda _: {},
        }
        inner = [row_set.path.split("/") for row_set in report.row_sets if "/" in row_set.path]
        if inner:
            changes["null list in an element"] = lambda document: _without_inner(document, *inner[0][:2])
    if any(isinstance(one.when, Bucket) and one.when.every_day for one in report.row_sets):
        changes |= {
            "no bucket": lambda document: document | {"data": []},
            "no last bucket": lambda document: document | {"data": document["data"][:-1]},
            "no first bucket": lambda document: document | {"data": document["data"][1:]},
            "no last bucket, dead token": lambda document: (
                document | {"data": document["data"][:-1], "has_more": True, "next_page": "page_dead"}
            ),
        }
    if isinstance(paging := paging_of(report), Cursor) and paging.more:
        changes["more without a token"] = lambda document: document | {"has_more": True, "next_page": None}
    if report.totals:
        changes |= {
            "a total without rows": lambda document: document | {"usageBuckets": []},
            "rows without some": lambda document: document | {"usageBuckets": document["usageBuckets"][:1]},
        }
    return changes


def _without_inner(document: Json, outer: str, inner: str) -> Json:
    return document | {outer: [element | {inner: None} for element in document[outer]]}


class HalfAnswers:
    """Every provider's account, loaded; each round one report is answered by half, two hours after what is held."""

    def __init__(self, rng: random.Random, site: Spoiled, url: str, engine: Engine, query: Any, root: Any) -> None:
        self.rng, self.site = rng, site
        self.desks = {name: Desk(name, site, url, engine, query, root) for name in PROVIDERS}
        self.reports = [(name, report) for name, one in PROVIDERS.items() for report in of_facts(one)]
        # Half an object of a store is a torn file, which is no JSON: tests/faults/test_objects.py has those.
        self.reports = [(name, one) for name, one in self.reports if not isinstance(one.source, Objects)]
        self.served: Counter[str] = Counter()
        for name in PROVIDERS:
            self._run(name)
        self.before = {name: self.content(name) for name in PROVIDERS}

    def content(self, provider: str) -> tuple[str, int]:
        """A hash of every fact of the account, and how many there are."""
        [row] = self.desks[provider].query(CONTENT, *[self.desks[provider].connection_id] * 2)
        return row

    def round(self) -> list[str]:
        """Serve one; what it took away."""
        provider, report = self.rng.choice(self.reports)
        changes = changes_of(report)
        kind = self.rng.choice([*changes, "cut"])
        self.site.reset()
        if kind == "cut":
            self.site.raw[ending(report)] = lambda body: body[: len(body) // 2]
        else:
            self.site.raw[ending(report)] = lambda body: json.dumps(changes[kind](json.loads(body))).encode()
        self.served[f"{provider} {report.name} {kind}"] += 1
        self._run(provider, report.name)
        lost = self.content(provider) != self.before[provider]
        return [f"{provider} {report.name}: {kind}"] if lost else []

    def verdict(self) -> list[str]:
        """Whole answers again: what is not as it was."""
        self.site.reset()
        wrong = []
        for name, desk in self.desks.items():
            self._run(name)
            states = {state for report in PROVIDERS[name].reports for state in desk.days(report.name).values()}
            if states != {"loaded"} or self.content(name) != self.before[name]:
                wrong.append(f"{name}: {states}, {self.content(name)} instead of {self.before[name]}")
        return wrong

    def _run(self, provider: str, *reports: str) -> None:
        desk = self.desks[provider]
        with desk.engine.begin() as transaction:
            transaction.exec_driver_sql(
                "UPDATE ops.day SET evidence = evidence || jsonb_build_object("
                "'held_since', (evidence ->> 'held_since')::timestamptz - interval '2 hours')"
                " WHERE connection_id = %s AND jsonb_exists(evidence, 'held_since')",
                (desk.connection_id,),
            )
        names = reports or tuple(one.name for one in of_facts(PROVIDERS[provider]))
        desk.run(*names, first=FIRST)
