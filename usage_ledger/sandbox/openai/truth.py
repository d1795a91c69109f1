"""An invented OpenAI organization and its truth: who is in it, what each of them uses, and what that costs.

Prices are whole picodollars (10^-12 USD) per unit of a stream. A model's prices hold for every modality.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from itertools import accumulate, product
from typing import NamedTuple

from usage_ledger.sandbox.kit.slots import slot_of
from usage_ledger.sandbox.kit.streams import STEADY, Stream, stable, stream
from usage_ledger.sandbox.kit.totals import FOREVER, Totals, add_to, limit_of, midnight, slots_of_dates

# When the fourth key comes, the third project and the fifth key end, the third user leaves, the second key is renamed.
LATE_KEY_CREATED_AT = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
ARCHIVED_AT = datetime(2026, 11, 12, 17, 45, tzinfo=UTC)
DELETED_AT = datetime(2026, 11, 14, 15, 30, tzinfo=UTC)
LEFT_AT = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)
RENAMED_AT = datetime(2026, 11, 18, 11, 30, tzinfo=UTC)

# 1970 began on a Thursday: day 2 and 3 are a weekend.
_WEEKDAYS = (tuple(accumulate((int(n // 96 not in (2, 3) and n % 4 == 3) for n in range(7 * 96)), initial=0)),)
_MIDWEEK = (tuple(accumulate((int(n // 96 in (5, 6)) for n in range(7 * 96)), initial=0)),)

# Picodollars per unit of a meter; the unit that is sent, if any; how many of the meter's units are one of it.
Price = tuple[int, str | None, int | None]
Values = Mapping[str, str | bool | None]
Scales = dict[str, int]
Cycles = tuple[tuple[int, ...], ...]


class Meter(NamedTuple):
    """A stream that is constant from slot `last` on."""

    stream: Stream
    last: int = FOREVER

    def until(self, slot: int) -> int:
        """The running total of all slots before `slot`. Only differences mean something."""
        return self.stream.until(min(slot, self.last))


class Entity(NamedTuple):
    """A project or a user. Its name may be null; it ends when it is archived or leaves."""

    ident: str
    name: str | None
    ended_at: datetime | None


class ApiKey(NamedTuple):
    """A key, of a service account if it has no user, used until slot `last`. `names` holds `(from when, name)`."""

    key_id: str
    project: Entity
    user: Entity | None
    created_at: datetime
    deleted_at: datetime | None
    last: int
    names: tuple[tuple[datetime, str], ...]


class Model(NamedTuple):
    """A model, its modalities, and its picodollars per uncached, cached and output token."""

    model_id: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    tier: str | None
    prices: tuple[int, int, int]


class Use(NamedTuple):
    """Usage of one kind by one combination of dimensions. Uses with equal values differ in `part`."""

    report: str
    values: Values
    meters: dict[str, Meter]
    part: int = 0


class Charge(NamedTuple):
    """One line of the bill."""

    values: Values
    meters: tuple[Meter, ...]
    price: Price


OLDER_MODEL = "gpt-4.1-2025-04-14"
_CATALOGUE = (
    ("gpt-5-mini-2025-08-07", ("text", "image"), ("text",), "default", (250_000, 25_000, 2_000_000)),
    ("gpt-realtime-2025-08-28", ("text", "audio"), ("text", "audio"), "default", (4_000_000, 400_000, 16_000_000)),
    ("gpt-image-1", ("text", "image"), ("image",), "default", (5_000_000, 1_250_000, 40_000_000)),
    (OLDER_MODEL, ("text",), ("text",), None, (2_000_000, 500_000, 8_000_000)),
    ("gpt-5-nano-2025-08-07", ("text", "image"), ("text",), "priority", (50_000, 5_000, 400_000)),
)
_PROJECTS = ("Support bot", "Search", "Studio", None)
_KEYS = ("ingest-prod", "search", "studio", "nightly-evals", "old-batch", "coding-agent")
_USERS = ("Dana Roe", None, "Mira Poe")
_LARGE, _SMALL = {"source": "image.generation", "size": "1024x1024"}, {"source": "image.edit", "size": "512x512"}
_EVERY_KEY: tuple[tuple[str, Values, Scales, Cycles], ...] = (
    ("embeddings", {"model": "text-embedding-3-small"}, {"requests": 1, "input": 400}, STEADY),
    ("embeddings", {"model": "text-embedding-3-large"}, {"requests": 1, "input": 90}, STEADY),
    ("moderations", {"model": "omni-moderation-latest"}, {"requests": 1, "input": 60}, _MIDWEEK),
    ("images", {"model": "dall-e-3", **_LARGE}, {"requests": 1, "images": 2}, _WEEKDAYS),
    ("images", {"model": "dall-e-2", **_SMALL}, {"requests": 1, "images": 1}, STEADY),
    ("audio_speeches", {"model": "tts-1"}, {"requests": 2, "characters": 1500}, _WEEKDAYS),
    ("audio_transcriptions", {"model": "whisper-1"}, {"requests": 1, "seconds": 240}, _WEEKDAYS),
    ("file_search_calls", {}, {"calls": 3}, _WEEKDAYS),
    ("web_search_calls", {"model": "gpt-5", "context_level": "low"}, {"requests": 1, "calls": 2}, STEADY),
    ("web_search_calls", {"model": "gpt-5", "context_level": "high"}, {"requests": 1, "calls": 3}, STEADY),
)
# What is billed by the unit: line item, meters, price.
_TARIFF: dict[str, tuple[str, tuple[str, ...], Price]] = {
    "embeddings": ("{model}, input", ("input",), (20_000, "1000_tokens", 1000)),
    "images": ("{model}, {size}", ("images",), (40_000_000_000, "images", 1)),
    "audio_speeches": ("{model}, characters", ("characters",), (15_000_000, "characters", 1)),
    "audio_transcriptions": ("{model}, duration", ("seconds",), (100_000_000, "duration_seconds", 1)),
    "file_search_calls": ("file search tool calls", ("calls",), (2_500_000_000, None, 1)),
    "web_search_calls": ("web search tool calls", ("calls",), (10_000_000_000, None, 1)),
    "code_interpreter_sessions": ("code interpreter sessions", ("sessions",), (30_000_000_000, None, 1)),
}
_UNCACHED = ("text", "audio", "image", "cache_write")
_CACHED = ("cached_text", "cached_audio", "cached_image")
_OUTPUT = ("output_text", "output_audio", "output_image")
_DIRECTIONS = {"input": _UNCACHED, "cached input": _CACHED, "output": _OUTPUT}
# The ledger's columns of every usage report with the meters that add up to each; then the ledger's dimensions.
COLUMNS: dict[str, dict[str, tuple[str, ...]]] = {
    "completions": {
        "requests": ("requests",),
        "input_tokens": (*_UNCACHED, *_CACHED),
        "cached_input_tokens": _CACHED,
        "cache_write_tokens": ("cache_write",),
        "audio_input_tokens": ("audio", "cached_audio"),
        "image_input_tokens": ("image", "cached_image"),
        "cached_audio_input_tokens": ("cached_audio",),
        "cached_image_input_tokens": ("cached_image",),
        "output_tokens": _OUTPUT,
        "audio_output_tokens": ("output_audio",),
        "image_output_tokens": ("output_image",),
    },
    **{name: {"requests": ("requests",), "input_tokens": ("input",)} for name in ("embeddings", "moderations")},
    "images": {"requests": ("requests",), "images": ("images",)},
    "audio_speeches": {"requests": ("requests",), "characters": ("characters",)},
    "audio_transcriptions": {"requests": ("requests",), "audio_seconds": ("seconds",)},
    "vector_stores": {"storage_bytes": ("stored",)},
    "code_interpreter_sessions": {"sessions": ("sessions",)},
    "file_search_calls": {"tool_calls": ("calls",)},
    "web_search_calls": {"web_searches": ("calls",)},
}
DIMENSIONS = ("project_id", "api_key_id", "user_id", "model", "batch", "service_tier", "line_item")


def _text(value: str | bool | None) -> str:
    return str(value).lower() if isinstance(value, bool) else value or ""


@dataclass(frozen=True)
class OpenAITruth:
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

    seed: int = 1
    account: str = "sandbox"
    projects: int = 4
    keys: int = 6
    users: int = 3
    models: int = 4
    since: date = date(2024, 1, 1)

    @property
    def born(self) -> datetime:
        """When everything begins that does not come late."""
        return midnight(self.since)

    def _id(self, prefix: str, number: int) -> str:
        return f"{prefix}{stable(self.seed, self.account, prefix, number):016x}"

    def _entities(self, prefix: str, names: tuple[str | None, ...], count: int, end: datetime) -> tuple[Entity, ...]:
        every = [*names, *(f"{prefix}{n}" for n in range(len(names), count))]
        return tuple(Entity(self._id(prefix, n), every[n], end if n == 2 else None) for n in range(count))

    @cached_property
    def all_projects(self) -> tuple[Entity, ...]:
        """The projects, also archived ones."""
        return self._entities("proj_", _PROJECTS, self.projects, max(ARCHIVED_AT, self.born))

    @cached_property
    def all_users(self) -> tuple[Entity, ...]:
        """The users, also those who left."""
        return self._entities("user-", _USERS, self.users, max(LEFT_AT, self.born))

    @cached_property
    def all_keys(self) -> tuple[ApiKey, ...]:
        """The API keys, also those not created yet or deleted."""
        entries = []
        for n in range(self.keys if self.projects else 0):
            user = self.all_users[n // 2 % self.users] if n % 2 and self.users else None
            created = max(self.born, LATE_KEY_CREATED_AT) if n == 3 else self.born
            deleted = max(DELETED_AT, self.born) if n == 4 else None
            key_id, name = self._id("key_", n), _KEYS[n] if n < len(_KEYS) else f"service-{n}"
            renamed = ((max(RENAMED_AT, created), f"{name}-v2"),) if n == 1 else ()
            project = self.all_projects[n % self.projects]
            last = min((slot_of(end) for end in (deleted, project.ended_at) if end), default=FOREVER)
            entries.append(ApiKey(key_id, project, user, created, deleted, last, ((created, name), *renamed)))
        return tuple(entries)

    @cached_property
    def all_models(self) -> tuple[Model, ...]:
        """The models of completions, five at most."""
        return tuple(Model(*values) for values in _CATALOGUE[: self.models])

    @cached_property
    def all_uses(self) -> dict[str, tuple[Use, ...]]:
        """Everything that is metered, by report."""
        uses = (*self._completions(), *self._by_key(), *self._by_project())
        return {report: tuple(use for use in uses if use.report == report) for report in COLUMNS}

    @cached_property
    def all_charges(self) -> tuple[Charge, ...]:
        """Everything that is billed."""
        usage = [charge for uses in self.all_uses.values() for use in uses for charge in self._charges(use)]
        return (*usage, *self._other_charges())

    def _meter(self, name: str, scale: int, born: datetime, last: int = FOREVER, cycles: Cycles = STEADY) -> Meter:
        return Meter(stream(f"{self.seed}/{self.account}/{name}", scale, slot_of(born), cycles), last)

    def _use(self, report: str, key: ApiKey, more: Values, scales: Scales, cycles: Cycles, part: int = 0) -> Use:
        user = key.user.ident if key.user else None
        values = {"project_id": key.project.ident, "user_id": user, "api_key_id": key.key_id, **more}
        name = "/".join((report, *map(_text, values.values()), str(part)))
        born, last = key.created_at, key.last
        meters = {m: self._meter(f"{name}/{m}", scale, born, last, cycles) for m, scale in scales.items()}
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
        size = 100 + stable(self.seed, "size", k, m) % 400
        scales = {"requests": 1} | dict.fromkeys(model.reads, size)
        scales |= {f"cached_{reads}": size // 2 for reads in model.reads}
        scales |= {f"output_{writes}": size // 3 for writes in model.writes}
        return scales if model.model_id == OLDER_MODEL else scales | {"cache_write": size // 9}

    def _by_key(self) -> Iterator[Use]:
        for report, values, scales, cycles in _EVERY_KEY:
            for key in self.all_keys:
                more = {"vector_store_id": f"vs_{key.project.ident[5:]}"} if report == "file_search_calls" else {}
                yield self._use(report, key, {**values, **more}, scales, cycles)
            if report in ("images", "moderations") and self.all_keys:
                yield self._use(report, self.all_keys[0], {**values, "api_key_id": None}, scales, cycles)

    def _by_project(self) -> Iterator[Use]:
        for project in self.all_projects:
            values, name = {"project_id": project.ident}, project.ident
            last = slot_of(project.ended_at) if project.ended_at else FOREVER
            sessions = self._meter(f"{name}/sessions", 1, self.born, last, _WEEKDAYS)
            yield Use("code_interpreter_sessions", values, {"sessions": sessions})
            if not project.ended_at:
                yield Use("vector_stores", values, {"stored": self._meter(f"{name}/stored", 40_000, self.born)})

    def _charges(self, use: Use) -> Iterator[Charge]:
        lines: list[tuple[str, tuple[str, ...], Price]] = []
        if use.report == "completions":
            model = next(model for model in self.all_models if model.model_id == use.values["model"])
            label, share = (f"{model.model_id} batch", 2) if use.values["batch"] else (model.model_id, 1)
            for (what, names), pico in zip(_DIRECTIONS.items(), model.prices, strict=True):
                lines.append((f"{label}, {what}", names, (pico // share, "tokens", 1)))
        elif use.report in _TARIFF:
            line, names, price = _TARIFF[use.report]
            lines.append((line.format(**use.values), names, price))
        values = {"project_id": use.values["project_id"], "api_key_id": use.values.get("api_key_id")}
        for line, names, price in lines:
            meters = tuple(use.meters[name] for name in names if name in use.meters)
            yield Charge(values | {"line_item": line}, meters, price)

    def _other_charges(self) -> Iterator[Charge]:
        for project in (project for project in self.all_projects if not project.ended_at):
            values: Values = {"project_id": project.ident, "line_item": "file search storage"}
            stored = self._meter(f"{project.ident}/mebibyte_hours", 700, self.born)
            yield Charge(values, (stored,), (4_069_010, "gibibyte_hours", 1024))
        for line, pico in (("Scale Tier bundle", 5_000_000_000), ("Promotional credit", -1_250_000_001)):
            yield Charge({"line_item": line}, (self._meter(line, 1, self.born),), (pico, None, None))

    def expected(
        self, report: str, first: date, end: date, zone: str = "UTC", *, by: str = "", now: datetime | None = None
    ) -> Totals:
        """Totals per (UTC date of `[first, end)`, breakdown '', value of `by`) and ledger column.

        With `now`, only quarters of an hour that are over by then count. Stored bytes are the day's last reading.
        """
        if zone != "UTC" or by not in ("", *DIMENSIONS):
            raise ValueError("only days of UTC, by one of the ledger's dimensions")
        totals: Totals = {}
        for day, (start, stop) in slots_of_dates(first, end, limit_of(now)).items():
            for values, amounts in self._amounts(report, start, stop):
                add_to(totals, (day, "", _text(values.get(by))), amounts)
        return totals

    def _amounts(self, report: str, start: int, stop: int) -> Iterator[tuple[Values, dict[str, int | Decimal]]]:
        if report == "costs":
            for charge in self.all_charges:
                if units := sum(meter.until(stop) - meter.until(start) for meter in charge.meters):
                    yield charge.values, {"amount": Decimal(units * charge.price[0]).scaleb(-12)}
            return
        begin = 0 if report == "vector_stores" and stop > start else start
        for use in self.all_uses[report]:
            used = {name: meter.until(stop) - meter.until(begin) for name, meter in use.meters.items()}
            if any(used.values()):
                totals = {column: sum(used.get(m, 0) for m in meters) for column, meters in COLUMNS[report].items()}
                yield use.values, {n: Decimal(t) if n == "audio_seconds" else t for n, t in totals.items()}
