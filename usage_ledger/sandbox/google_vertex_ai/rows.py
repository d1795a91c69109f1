"""What the queries of the export answer: its rows, grouped as the statement says."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from usage_ledger.sandbox.google_vertex_ai.account import DELAY, HOUR_SLOTS, NANO, Line, exported_until
from usage_ledger.sandbox.google_vertex_ai.queries import Job, refusal
from usage_ledger.sandbox.google_vertex_ai.skus import VERTEX
from usage_ledger.sandbox.google_vertex_ai.truth import GoogleVertexAITruth
from usage_ledger.sandbox.kit.slots import instant_of, rfc3339, slot_of

Row = dict[str, str | None]
DAY_SLOTS = 96


def answer_of(account: GoogleVertexAITruth, job: Job, now: datetime) -> list[Row]:
    """The rows of a query, each with the statement's columns. Raises `Refusal` for a statement of another form."""
    if "GROUP BY" not in job.statement:
        return [{"billing_account_id": account.account_id}, {"billing_account_id": None}]
    if "end" not in job.values:
        return list(_exported(account, job.instant("start"), now))
    return list(_grouped(account, job, now))


def _grouped(account: GoogleVertexAITruth, job: Job, now: datetime) -> Iterator[Row]:
    groups = re.split(r",\s*", job.statement.rpartition("GROUP BY ")[2].strip())
    sums: dict[tuple[str | None, ...], Counter[str]] = {}
    texts: dict[tuple[str | None, ...], Row] = {}
    for line, credited in _lines(account, job.instant("start"), job.instant("end"), now):
        row = _row(account, line)
        if lacking := set(groups) - row.keys():
            raise refusal(400, "invalidQuery", f"Unrecognized name: {min(lacking)}")
        key = tuple(row[name] for name in groups)
        sums.setdefault(key, Counter()).update(units=line.units, nanos=line.nanos, credited=credited)
        texts[key] = row
    for key, total in sums.items():
        amounts: Row = {
            "usage_amount": str(total["units"]),
            "cost": _money(total["nanos"]),
            "credits": _money(-total["credited"]),
            "credited": "yes" if total["credited"] else "no",
        }
        row = texts[key] | amounts
        if lacking := set(job.columns) - row.keys():
            raise refusal(400, "invalidQuery", f"this sandbox has no column {min(lacking)}")
        yield {name: row[name] for name in job.columns}


def _lines(account: GoogleVertexAITruth, first: datetime, end: datetime, now: datetime) -> Iterator[tuple[Line, int]]:
    """A line for each use and day, as the hours of the day add up to, and the single ones; with what is given back."""
    for day in range(slot_of(first), slot_of(end), DAY_SLOTS):
        at, high = instant_of(day), min(day + DAY_SLOTS, exported_until(now))
        for use in account.all_uses if high > day else ():
            if units := use.units.between(day, high):
                nanos = units * use.sku.nanos * account.price_factor
                place = (use.project, use.region, use.sku)
                yield Line(at, now, *place, "regular", units, nanos, f"{at:%Y%m}"), nanos * use.credited // 100
    for line in account.lines:
        if first <= line.used_at < end and line.exported_at <= now:
            yield line, 0


def _row(account: GoogleVertexAITruth, line: Line) -> Row:
    text = re.sub(r"[^a-z0-9.]+", "-", line.sku.text.lower()).strip("-")
    return {
        "usage_date": str(line.used_at.date()),
        "billing_account_id": account.account_id,
        "project_id": line.project or None,
        "project_name": f"{line.project} (name)" if line.project else None,
        "region": line.region,
        "service_id": line.sku.service or VERTEX,
        "sku_id": line.sku.sku_id,
        "sku_description": line.sku.text,
        "sku_text": text,
        "usage_text": f"{line.cost_type} {line.sku.unit} {text}",
        "usage_unit": line.sku.unit or None,
        "currency": "EUR",
        "cost_type": line.cost_type,
        "invoice_month": line.invoice_month,
    }


def _exported(account: GoogleVertexAITruth, since: datetime, now: datetime) -> Iterator[Row]:
    """The usage dates that rows were exported for after an instant, and when the last of each came."""
    newest: dict[str, datetime] = {}
    for slot in range(slot_of(since) - DAY_SLOTS, exported_until(now), HOUR_SLOTS):
        exported_at = instant_of(slot + HOUR_SLOTS) + DELAY
        if exported_at > since and any(use.units.between(slot, slot + HOUR_SLOTS) for use in account.all_uses):
            newest[str(instant_of(slot).date())] = exported_at
    for line in account.lines:
        if since < line.exported_at <= now:
            day = str(line.used_at.date())
            newest[day] = max(newest.get(day, datetime(1970, 1, 1, tzinfo=UTC)), line.exported_at)
    for day, at in newest.items():
        yield {"usage_date": day, "exported_at": rfc3339(at)}


def _money(nanos: int) -> str:
    text = f"{Decimal(nanos) * NANO:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def schema_of(columns: Sequence[str]) -> dict[str, object]:
    """The schema of an answer whose columns are all text."""
    return {"fields": [{"name": name, "type": "STRING", "mode": "NULLABLE"} for name in columns]}
