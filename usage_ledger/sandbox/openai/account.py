"""An invented OpenAI organization: who is in it, what each of them uses, and what that costs.

Prices are whole picodollars (10^-12 USD) per unit of a stream. A model's prices hold for every modality.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import product
from typing import NamedTuple

from usage_ledger.sandbox.kit.account import LATE_KEY_CREATED_AT, RENAMED_AT, Account, Name, names_of
from usage_ledger.sandbox.kit.slots import FOREVER, slot_of
from usage_ledger.sandbox.kit.streams import STEADY, Cycles, Stream, stable
from usage_ledger.sandbox.openai.catalogue import (
    CATALOGUE,
    DIRECTIONS,
    EVERY_KEY,
    OLDER_MODEL,
    REPORTS,
    TARIFF,
    WEEKDAYS,
    Model,
    Price,
    Scales,
    Values,
    text_of,
)

ARCHIVED_AT = datetime(2026, 11, 12, 17, 45, tzinfo=UTC)
"""When the third project is archived."""
DELETED_AT = datetime(2026, 11, 14, 15, 30, tzinfo=UTC)
"""When the fifth key is deleted."""
LEFT_AT = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)
"""When the third user leaves."""


class Entity(NamedTuple):
    """A project or a user. Its name may be null; it ends when it is archived or leaves."""

    ident: str
    name: str | None
    ended_at: datetime | None


class ApiKey(NamedTuple):
    """A key, of a service account if it has no user, used until slot `last`."""

    key_id: str
    project: Entity
    user: Entity | None
    created_at: datetime
    deleted_at: datetime | None
    last: int
    names: tuple[Name, ...]


class Use(NamedTuple):
    """Usage of one kind by one combination of dimensions. Uses with equal values differ in `part`."""

    report: str
    values: Values
    meters: dict[str, Stream]
    part: int = 0

    @property
    def is_stored(self) -> bool:
        """Whether it is counted at a moment, not over time."""
        return self.report == "vector_stores"

    def until(self, slot: int) -> dict[str, int]:
        """The running totals of all slots before `slot`, by meter."""
        return {name: meter.until(slot) for name, meter in self.meters.items()}


class Charge(NamedTuple):
    """One line of the bill."""

    values: Values
    meters: tuple[Stream, ...]
    price: Price
    part: int = 0
    is_stored: bool = False

    def until(self, slot: int) -> dict[str, int]:
        """The running totals of all slots before `slot`: units, and the picodollars that they cost."""
        units = sum(meter.until(slot) for meter in self.meters)
        return {"units": units, "pico": units * self.price[0]}


_PROJECTS = ("Support bot", "Search", "Studio", None)
_KEYS = ("ingest-prod", "search", "studio", "nightly-evals", "old-batch", "coding-agent")
_USERS = ("Dana Roe", None, "Mira Poe")


@dataclass(frozen=True)
class OpenAIAccount(Account):
    """One organization, wholly determined by these values. Usage is zero before `since`, 00:00 UTC.

    Oddities, by position and if there are that many:
    the second key is renamed;
    the third project is archived, its usage ends and its key stays;
    the fourth key comes late;
    the fifth key is deleted and no longer listed, its earlier usage stays;
    the sixth key's owner leaves: listed only with `owner_project_access=any`, the owner not at all, both still used;
    the fourth project has no name, the second user neither name nor address;
    keys at even positions belong to service accounts: their `user_id` is null;
    the playground's images and moderations have no key, the storage and the sessions neither;
    an organization-wide bundle and a credit (a negative amount) have neither project nor key;
    the older model has text only, no cache writes, no service tier, and rows without the recent fields;
    the second key's first model has two rows equal in everything but the counts;
    transcriptions, speeches, file searches and sessions rest at weekends, moderations from Thursday to Monday.
    """

    projects: int = 4
    keys: int = 6
    users: int = 3
    models: int = 4

    def _id(self, prefix: str, number: int) -> str:
        return f"{prefix}{self.number(prefix, number):016x}"

    def _entities(self, prefix: str, names: tuple[str | None, ...], count: int, end: datetime) -> tuple[Entity, ...]:
        every = [*names, *(f"{prefix}{n}" for n in range(len(names), count))]
        return tuple(Entity(self._id(prefix, n), every[n], end if n == 2 else None) for n in range(count))

    @cached_property
    def all_projects(self) -> tuple[Entity, ...]:
        """The projects, also archived ones."""
        return self._entities("proj_", _PROJECTS, self.projects, max(ARCHIVED_AT, self.start))

    @cached_property
    def all_users(self) -> tuple[Entity, ...]:
        """The users, also those who left."""
        return self._entities("user-", _USERS, self.users, max(LEFT_AT, self.start))

    @cached_property
    def all_keys(self) -> tuple[ApiKey, ...]:
        """The API keys, also those not created yet or deleted."""
        entries = []
        for n in range(self.keys if self.projects else 0):
            user = self.all_users[n // 2 % self.users] if n % 2 and self.users else None
            created = max(self.start, LATE_KEY_CREATED_AT) if n == 3 else self.start
            deleted = max(DELETED_AT, self.start) if n == 4 else None
            key_id, name = self._id("key_", n), _KEYS[n] if n < len(_KEYS) else f"service-{n}"
            names = names_of(name, max(RENAMED_AT, created) if n == 1 else None)
            project = self.all_projects[n % self.projects]
            last = min((slot_of(end) for end in (deleted, project.ended_at) if end), default=FOREVER)
            entries.append(ApiKey(key_id, project, user, created, deleted, last, names))
        return tuple(entries)

    @cached_property
    def all_models(self) -> tuple[Model, ...]:
        """The models of completions, five at most."""
        return tuple(Model(*values) for values in CATALOGUE[: self.models])

    @cached_property
    def all_uses(self) -> dict[str, tuple[Use, ...]]:
        """Everything that is metered, by report."""
        uses = (*self._completions(), *self._by_key(), *self._by_project())
        return {report: tuple(use for use in uses if use.report == report) for report in REPORTS}

    @cached_property
    def all_charges(self) -> tuple[Charge, ...]:
        """Everything that is billed."""
        usage = [charge for uses in self.all_uses.values() for use in uses for charge in self._charges(use)]
        return (*usage, *self._other_charges())

    def _use(
        self, report: str, key: ApiKey, more: Values, scales: Scales, cycles: Cycles, part: int = 0, divisor: int = 1
    ) -> Use:
        user = key.user.ident if key.user else None
        values = {"project_id": key.project.ident, "user_id": user, "api_key_id": key.key_id, **more}
        name = "/".join((report, *map(text_of, values.values()), str(part)))
        born, last = key.created_at, key.last
        meters = {
            meter: self.meter(f"{name}/{meter}", scale, born, cycles, last=last, divisor=divisor)
            for meter, scale in scales.items()
        }
        return Use(report, values, meters, part)

    def _completions(self) -> Iterator[Use]:
        extra = {(0, 0): [(True, "default", 0), (False, "flex", 0)], (1, 0): [(False, "default", 1)]}
        for (k, key), (m, model) in product(enumerate(self.all_keys), enumerate(self.all_models)):
            if (k + m) % 3 == 2:
                continue
            for batch, tier, part in [(False, model.tier, 0), *extra.get((k % 4, m), [])]:
                values: Values = {"model": model.model_id, "batch": batch, "service_tier": tier}
                yield self._use("completions", key, values, self._tokens(model, k, m), STEADY, part)

    def _tokens(self, model: Model, k: int, m: int) -> Scales:
        size = 600 + stable(self.seed, "size", k, m) % 2400
        scales = {"requests": 1} | dict.fromkeys(model.reads, size)
        scales |= {f"cached_{reads}": size // 2 for reads in model.reads}
        scales |= {f"output_{writes}": size // 3 for writes in model.writes}
        return scales if model.model_id == OLDER_MODEL else scales | {"cache_write": size // 9}

    def _by_key(self) -> Iterator[Use]:
        for report, values, scales, cycles, divisor in EVERY_KEY:
            for key in self.all_keys:
                more = {"vector_store_id": f"vs_{key.project.ident[5:]}"} if report == "file_search_calls" else {}
                yield self._use(report, key, {**values, **more}, scales, cycles, divisor=divisor)
            if report in ("images", "moderations") and self.all_keys:
                values = {**values, "api_key_id": None}
                yield self._use(report, self.all_keys[0], values, scales, cycles, divisor=divisor)

    def _by_project(self) -> Iterator[Use]:
        for project in self.all_projects:
            values, name = {"project_id": project.ident}, project.ident
            last = slot_of(project.ended_at) if project.ended_at else FOREVER
            sessions = self.meter(f"{name}/sessions", 1, cycles=WEEKDAYS, last=last)
            yield Use("code_interpreter_sessions", values, {"sessions": sessions})
            if not project.ended_at:
                yield Use("vector_stores", values, {"stored": self.meter(f"{name}/stored", 40_000)})

    def _charges(self, use: Use) -> Iterator[Charge]:
        lines: list[tuple[str, tuple[str, ...], Price]] = []
        if use.report == "completions":
            model = next(model for model in self.all_models if model.model_id == use.values["model"])
            label, share = (f"{model.model_id} batch", 2) if use.values["batch"] else (model.model_id, 1)
            for (what, names), pico in zip(DIRECTIONS.items(), model.prices, strict=True):
                lines.append((f"{label}, {what}", names, (pico // share, "tokens", 1)))
        elif use.report in TARIFF:
            line, names, price = TARIFF[use.report]
            lines.append((line.format(**use.values), names, price))
        values = {"project_id": use.values["project_id"], "api_key_id": use.values.get("api_key_id")}
        for line, names, price in lines:
            meters = tuple(use.meters[name] for name in names if name in use.meters)
            yield Charge(values | {"line_item": line}, meters, price)

    def _other_charges(self) -> Iterator[Charge]:
        for project in (project for project in self.all_projects if not project.ended_at):
            values: Values = {"project_id": project.ident, "line_item": "file search storage"}
            stored = self.meter(f"{project.ident}/mebibyte_hours", 700)
            yield Charge(values, (stored,), (4_069_010, "gibibyte_hours", 1024))
        for line, pico in (("Scale Tier bundle", 5_000_000_000), ("Promotional credit", -1_250_000_001)):
            yield Charge({"line_item": line}, (self.meter(line, 1),), (pico, None, None))
