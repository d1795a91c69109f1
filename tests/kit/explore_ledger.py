"""A small ledger for the Explore page, written by hand: three connections, two currencies, names, owners, and gaps."""

import uuid
from collections.abc import Iterable
from datetime import date, timedelta

from sqlalchemy import Engine

from kit.fact_rows import add_line, add_use
from usage_ledger.money.team_costs import record_team_costs
from usage_ledger.warehouse.engine import transaction

TODAY = date(2026, 11, 20)
FIRST = date(2026, 11, 16)
READABLE = frozenset(("acme", "beta"))
NEVER = date(2999, 1, 1)


def write_ledger(engine: Engine) -> None:
    """Figures of `acme` (USD), `beta` (EUR, and a credit in USD), and of `other`, which the person may not read."""
    for connection_id in (*sorted(READABLE), "other"):
        _add(engine, "ops.connection", connection_id=connection_id, provider="fireworks", account_id=connection_id,
             timezone="UTC")  # fmt: skip
    for number in range(4):
        day = FIRST + timedelta(days=number)
        for key, model, region in (("k1", "glm", "eu"), ("k2", "glm", ""), ("k3", "qwen", "us"), ("", "glm", "eu")):
            same = {"usage_date": day, "api_key_id": key, "model": model, "region": region, "project_id": f"p-{key}"}
            size = 1000 * (number + 1) + 7 * len(key + region)
            add_use(engine, **same, input_tokens=size * 10, output_tokens=size, requests=number or None)
            add_use(engine, **same, connection_id="other", input_tokens=size, output_tokens=1)
        for model, amount in (("glm", "0.123456789012345678"), ("qwen", "3.1")):
            add_line(engine, amount, usage_date=day, model=model, region="eu")
            add_line(engine, "1000", usage_date=day, model=model, connection_id="other")
        money = {"usage_date": day, "connection_id": "beta", "provider": "openai", "api_key_id": "b1", "model": "gpt"}
        add_line(engine, "2.50", **money, currency="EUR", project_id="p-b")
        add_use(engine, **money, input_tokens=5, cached_input_tokens=2)
    add_line(engine, "-1.5", usage_date=FIRST, connection_id="beta", provider="openai", charge_category="Credit")
    name_things(
        engine,
        (("acme", "api_key", "k1", "web"), ("acme", "api_key", "k2", "web"), ("acme", "project", "p-k1", "Shop")),
    )
    own_things(engine, (("api_key", "k1", "search"), ("api_key", "k2", "ads"), ("connection", "beta", "ads")))
    record_team_costs(engine)


def name_things(engine: Engine, names: Iterable[tuple[str, str, str, str]]) -> None:
    """Say what ids are called: connection, kind, id and name."""
    for connection_id, kind, id_, name in names:
        _add(engine, "ledger.name", connection_id=connection_id, kind=kind, id=id_, name=name, valid_from=FIRST)


def own_things(engine: Engine, rules: Iterable[tuple[str, str, str]]) -> None:
    """Say whose ids are: kind, id and team, of any connection."""
    for kind, id_, team in rules:
        rule = {"rule_id": str(uuid.uuid4()), "connection_id": "", "kind": kind, "id": id_, "team": team, "app": ""}
        dates = {"valid_from": date(2026, 1, 1), "valid_to": NEVER}
        _add(engine, "ledger.owner_rule", **rule, **dates, source_commit="c", change_id=str(uuid.UUID(int=1)))


def _add(engine: Engine, table: str, **values: object) -> None:
    columns, marks = ", ".join(values), ", ".join(["%s"] * len(values))
    with transaction(engine) as cursor:
        cursor.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(values.values()))
