"""An invented Google billing account: which project uses which model where, and the rows that its export has."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import NamedTuple

from usage_ledger.sandbox.google_vertex_ai.skus import SKUS, UNKNOWN, VERTEX, Sku
from usage_ledger.sandbox.kit.account import Account
from usage_ledger.sandbox.kit.slots import FOREVER, instant_of, slot_of
from usage_ledger.sandbox.kit.streams import Stream, stable

DELAY = timedelta(hours=6)
"""How long after its end an hour is exported."""
HOUR_SLOTS = 4
CURRENCY = "EUR"
NANO = Decimal("0.000000001")


class Use(NamedTuple):
    """A project's use of a SKU in a region: units per slot, each of `sku.nanos`, of which a part is given back."""

    project: str
    region: str
    sku: Sku
    units: Stream
    credited: int
    """In percent of the cost."""


class Line(NamedTuple):
    """A single row of the export beside the hourly ones: units and money at an instant, exported later."""

    used_at: datetime
    exported_at: datetime
    project: str
    region: str
    sku: Sku
    cost_type: str
    units: int
    nanos: int
    invoice_month: str


def exported_until(now: datetime | None) -> int:
    """The slot before which every hour is exported at `now`; without it, `FOREVER`."""
    return FOREVER if now is None else slot_of(now - DELAY) // HOUR_SLOTS * HOUR_SLOTS


@lru_cache(maxsize=1)
def _private_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@dataclass(frozen=True)
class GoogleVertexAIAccount(Account):
    """One billing account, wholly determined by these values. Nothing is used before `since`.

    Its oddities:
    texts of SKUs with two spaces, other letter case, and both orders of words;
    a model whose output is billed under a longer name than its input;
    characters and images in the unit of tokens, stored caches by the hour, a commitment by the month;
    a region that is `global`; a project that gets a tenth of its cost back as credits;
    a tax and a rounding without a project; an adjustment on the next month's invoice;
    units that are taken back two weeks after they were used;
    from `unknown_since` on, a SKU of a kind that nobody has heard of.
    """

    projects: int = 2
    price_factor: int = 1
    """Of every price: where an engine has fewer decimals than the service."""
    unknown_since: date | None = None
    polls: int = 0
    """How often a job is not complete when its results are asked for."""
    page_rows: int = 10_000
    """The most rows of a page."""
    refusal: str = ""
    """What every query meets: a key of `REFUSALS` in `queries.py`."""
    polled: dict[str, int] = field(default_factory=dict, repr=False, compare=False, hash=False)

    @property
    def account_id(self) -> str:
        """Three times six hexadecimal digits."""
        digits = f"{self.number('billing account') % 16**12:012X}{self.number('billing') % 16**6:06X}"
        return f"{digits[:6]}-{digits[6:12]}-{digits[12:]}"

    @property
    def settings(self) -> dict[str, str | tuple[str, ...]]:
        """Where the export is. That of a foreign account lies at the same place."""
        name = self.account.removeprefix("other-")
        return {
            "billing_table": f"{name}-billing.billing_export.gcp_billing_export_v1_{stable(name) % 16**6:06X}",
            "job_project": f"{name}-billing",
            "location": "EU",
            "projects": self.all_projects,
        }

    def secret(self, key: str) -> str:
        """A service account's key file. The id of its private key opens the account; the key itself is nobody's."""
        address = f"usage-reader@{self.account}.iam.gserviceaccount.com"
        return json.dumps(
            {
                "type": "service_account",
                "project_id": f"{self.account}-billing",
                "private_key_id": key,
                "private_key": _private_key(),
                "client_email": address,
                "client_id": "100000000000000000001",
                "token_uri": "https://oauth2.googleapis.com/token",
            }
        )

    @property
    def all_projects(self) -> tuple[str, ...]:
        """The ids of the projects that use models."""
        name = self.account.removeprefix("other-")
        return tuple(f"{name}-ml-{number}" for number in range(1, self.projects + 1))

    @cached_property
    def all_uses(self) -> tuple[Use, ...]:
        """Each project's use of each SKU."""
        uses = []
        for place, project in enumerate(self.all_projects):
            for number, sku in enumerate(SKUS):
                region = ("europe-west4", "us-central1", "global")[(place + sku.family) % 3]
                name = f"{project}/{sku.sku_id}"
                units = self.meter(name, sku.scale, divisor=sku.divisor)
                if (place + number) % 7 != 6:
                    uses.append(Use(project, region, sku, units, 10 if place else 0))
        if self.unknown_since:
            born = datetime.combine(self.unknown_since, datetime.min.time(), UTC)
            units = self.meter("unknown", 90, born)
            uses.append(Use(self.all_projects[0], "global", UNKNOWN, units, 0))
        return tuple(uses)

    @cached_property
    def calls(self) -> dict[tuple[str, str, str], Stream]:
        """The calls of each of Google's models, by project, region and model, as monitoring counts them."""
        places = dict.fromkeys(
            (use.project, use.region, use.sku.model) for use in self.all_uses if use.sku.model.startswith("gemini")
        )
        return {place: self.meter("/".join(place), 1, divisor=3) for place in places}

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The rows that are not of an hour's use."""
        project, (first, *_) = self.all_projects[0], SKUS
        at, region = datetime(2026, 11, 5, 10, tzinfo=UTC), self.all_uses[0].region
        back = Line(at, datetime(2026, 11, 19, 9, 30, tzinfo=UTC), project, region, first, "regular", -17, 0, "202611")
        adjusted = Line(
            datetime(2026, 11, 9, 7, tzinfo=UTC),
            datetime(2026, 11, 12, 3, tzinfo=UTC),
            *(project, region, first, "adjustment", 0, -2_500_000, "202612"),
        )
        taxed = Line(
            datetime(2026, 11, 10, tzinfo=UTC),
            datetime(2026, 11, 11, 3, tzinfo=UTC),
            *("", "", Sku("7A1F-0000-0001", "Tax", family=0), "tax", 0, 190_000_000, "202611"),
        )
        rounded = Line(
            datetime(2026, 11, 10, tzinfo=UTC),
            datetime(2026, 11, 11, 3, tzinfo=UTC),
            *("", "", Sku("7A1F-0000-0002", "Rounding error", family=0), "rounding_error", 0, 3_000, "202611"),
        )
        lines = (back._replace(nanos=-17 * first.nanos), adjusted, taxed, rounded)
        return tuple(line._replace(nanos=line.nanos * self.price_factor) for line in lines)

    def rows(self, first: datetime, end: datetime, now: datetime) -> Iterator[dict[str, object]]:
        """The export's rows of the hours from `first` to `end`, as they are appended to the table."""
        for low in range(slot_of(first), min(slot_of(end), exported_until(now)), HOUR_SLOTS):
            at = instant_of(low)
            for use in self.all_uses:
                if units := use.units.between(low, low + HOUR_SLOTS):
                    nanos = units * use.sku.nanos * self.price_factor
                    line = Line(
                        at,
                        at + timedelta(hours=1) + DELAY,
                        *(use.project, use.region, use.sku, "regular", units, nanos, f"{at:%Y%m}"),
                    )
                    yield self._row(line, nanos * use.credited // 100)
        for line in self.lines:
            if first <= line.used_at < end and line.exported_at <= now:
                yield self._row(line, 0)

    def _row(self, line: Line, credited: int) -> dict[str, object]:
        amount = Decimal(line.nanos) * NANO
        name = {"id": line.project, "number": str(stable(line.project)), "name": f"{line.project} (name)"}
        return {
            "billing_account_id": self.account_id,
            "service": {"id": line.sku.service or VERTEX, "description": "Vertex AI"},
            "sku": {"id": line.sku.sku_id, "description": line.sku.text},
            "usage_start_time": line.used_at.isoformat(),
            "usage_end_time": (line.used_at + timedelta(hours=1)).isoformat(),
            "project": name if line.project else None,
            "labels": [{"key": "app", "value": "bot"}, {"key": "team", "value": "search"}],
            "location": {"location": line.region or None, "region": None if line.region == "global" else line.region},
            "cost": float(amount),
            "currency": CURRENCY,
            "usage": {"amount": float(line.units), "unit": line.sku.unit or None},
            "credits": [{"type": "PROMOTION", "name": "Trial", "amount": float(-Decimal(credited) * NANO)}]
            if credited
            else [],
            "invoice": {"month": line.invoice_month},
            "cost_type": line.cost_type,
            "export_time": line.exported_at.isoformat(),
        }
