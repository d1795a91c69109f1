"""An invented OpenRouter account: who uses which model on which host, and what is true of it.

Prices are whole nanodollars (10^-9 USD) per token, so that every amount has at most nine places. The answers and the
expectations read the same running totals and share nothing else: the answers go through the rows of the API, the
expectations add the meters up over days that they find slot by slot.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from uuid import UUID

from usage_ledger.sandbox.kit.slots import slot_of
from usage_ledger.sandbox.kit.streams import BURSTS, STEADY, Stream, stable, stream
from usage_ledger.sandbox.kit.totals import FOREVER, Totals, add_to, limit_of, midnight, slots_of_dates

RENAMED_AT = datetime(2026, 11, 18, 11, 30, tzinfo=UTC)
"""When the second key is renamed."""
LATE_KEY_CREATED_AT = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
"""When the fourth key is created."""
DISABLED_AT = datetime(2026, 11, 12, 16, 0, tzinfo=UTC)
"""When the fifth key is disabled; its usage ends there."""
REPORTS = ("activity", "activity_by_key")
BYOK_FEE_PERCENT = 5
"""The part of the estimated price of own-key inference that is charged to credits."""

Prices = tuple[int, int, int]
"""Nanodollars per cached, uncached and output token."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace; the first of an account is its default one."""

    workspace_id: str
    name: str
    slug: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Model:
    """A model or a variant of one, the price of its top provider, and who serves it.

    `byok_host` is the host for which all keys but the first bring their own. Rows of a `stamped` model carry midnight
    after their date. A retired model is not `listed` any more and still used.
    """

    slug: str
    permaslug: str
    prices: Prices
    hosts: tuple[str, ...]
    outputs: tuple[str, ...] = ("text",)
    byok_host: str = ""
    reasons: bool = False
    bursts: bool = False
    listed: bool = True
    stamped: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """An API key. `names` holds its names, each with the moment from which it is called so."""

    key_hash: str
    names: tuple[tuple[datetime, str], ...]
    workspace_id: str
    creator: str
    created_at: datetime
    disabled_at: datetime | None = None
    deleted: bool = False
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """One key's use of one model on one host, until slot `last`.

    `charged` goes to the credits, `own` is the estimate of what the account's own provider key pays.
    """

    key: Key
    model: Model
    host: str
    endpoint_id: str
    charged: Prices
    own: Prices
    requests: Stream
    cached: Stream
    uncached: Stream
    output: Stream
    reasoning: Stream
    last: int


_CATALOGUE = (
    Model(
        "anthropic/claude-sonnet-5",
        "anthropic/claude-5-sonnet-20260601",
        (300, 3_000, 15_000),
        ("Anthropic", "Amazon Bedrock"),
        reasons=True,
    ),
    # Multiples of twenty: a fee of five percent is whole nanodollars too.
    Model(
        "openai/gpt-5-mini",
        "openai/gpt-5-mini-2025-08-07",
        (40, 400, 2_000),
        ("OpenAI", "Azure"),
        byok_host="Azure",
        reasons=True,
    ),
    Model("deepseek/deepseek-v4", "deepseek/deepseek-v4-20260115", (28, 280, 1_100), ("DeepInfra", "Fireworks")),
    Model("deepseek/deepseek-v4:free", "deepseek/deepseek-v4-20260115", (0, 0, 0), ("Chutes", "Novita")),
    Model(
        "google/gemini-3-flash-image",
        "google/gemini-3-flash-image-20260310",
        (75, 300, 2_500),
        ("Google AI Studio", "Google Vertex"),
        outputs=("image", "text"),
        bursts=True,
    ),
    Model(
        "mistralai/mistral-medium-3",
        "mistralai/mistral-medium-3-20250507",
        (400, 400, 2_000),
        ("Mistral",),
        listed=False,
    ),
    Model(
        "openai/text-embedding-4", "openai/text-embedding-4-20260220", (20, 20, 0), ("OpenAI",), outputs=("embeddings",)
    ),
)
_NAMES = ("support-bot", "search", "nightly-evals", "ingest", "old-pilot", "search")
_CREATORS = ("user_2ExampleDana0000000000", "user_2ExampleLee00000000000", "user_2ExampleMira0000000000")


def _uuid(*parts: object) -> str:
    return str(UUID(int=stable(*parts, "high") << 64 | stable(*parts, "low"), version=4))


def _dimension(pair: Pair, by: str) -> str:
    values = {
        "": "",
        "model": pair.model.permaslug,
        "host": pair.host,
        "project_id": pair.key.workspace_id,
        "api_key_id": pair.key.key_hash,
    }
    return values[by]


def _used(pair: Pair, first: int, last: int) -> tuple[dict[str, int | Decimal], Decimal]:
    """The columns of one pair in the slots `[first, last)`, and the dollars that its own key paid."""
    counts = [meter.between(first, last) for meter in (pair.cached, pair.uncached, pair.output)]
    charged, own = (
        sum((Decimal(count * price) for count, price in zip(counts, prices, strict=True)), Decimal(0)) / 10**9
        for prices in (pair.charged, pair.own)
    )
    used: dict[str, int | Decimal] = {
        "requests": pair.requests.between(first, last),
        "input_tokens": counts[0] + counts[1],
        "output_tokens": counts[2],
        "reasoning_tokens": pair.reasoning.between(first, last),
        "amount": charged,
    }
    return used, own


@dataclass(frozen=True)
class OpenRouterTruth:
    """One account, wholly determined by these values. Usage is zero before `since`, 00:00 UTC.

    Its oddities:
    every third key lies in another workspace than the default one, which a plain list of keys leaves out;
    the second key is renamed, and the sixth bears its first name: names are no identity;
    the fourth key comes late; the fifth is disabled, and was used until then;
    one more key is deleted: it is in no list, and its use is in the record on every day;
    a `:free` variant shares its permanent slug with the paid model and costs nothing;
    all but the first key bring their own for one host: its row has both costs, theirs a fee and an estimate only;
    one model rests on most days, one is retired from the catalogue and still used, one writes no output tokens;
    reasoning is counted apart from output and exceeds it on some days;
    every second model's rows spell their date with midnight behind it.
    """

    seed: int = 1
    account: str = "sandbox"
    keys: int = 6
    models: int = len(_CATALOGUE)
    workspaces: int = 2
    since: date = date(2024, 1, 1)

    @cached_property
    def all_workspaces(self) -> tuple[Workspace, ...]:
        """The workspaces, the default one first."""
        names = ["Default", "Research"] + [f"Team {number}" for number in range(2, self.workspaces)]
        return tuple(
            Workspace(_uuid(self.seed, self.account, "ws", n), name, name.lower().replace(" ", "-"), self._start(n))
            for n, name in enumerate(names[: max(1, self.workspaces)])
        )

    @cached_property
    def all_keys(self) -> tuple[Key, ...]:
        """The API keys, also those not created yet; the last one is deleted."""
        return tuple(self._key(number) for number in range(self.keys + 1))

    @cached_property
    def all_models(self) -> tuple[Model, ...]:
        """The models in use; beyond the catalogue's length, numbered versions of its models."""
        entries = []
        for number in range(self.models):
            version, place = divmod(number, len(_CATALOGUE))
            model = replace(_CATALOGUE[place], stamped=number % 2 == 1)
            if version:
                slug, colon, variant = model.slug.partition(":")
                tail = f"-v{version + 1}"
                model = replace(model, slug=f"{slug}{tail}{colon}{variant}", permaslug=model.permaslug + tail)
            entries.append(model)
        return tuple(entries)

    @cached_property
    def all_pairs(self) -> tuple[Pair, ...]:
        """Who uses what, with the meters.

        The first key meets every host of a model, the others one host each; odd keys never use the model of their
        own position.
        """
        entries: list[Pair] = []
        for key_number, key in enumerate(self.all_keys):
            for model_number, model in enumerate(self.all_models):
                if key_number % 2 and key_number == model_number:
                    continue
                one = (key_number + model_number) % len(model.hosts)
                places = range(len(model.hosts)) if key_number == 0 else (one,)
                entries.extend(self._pair(key_number, key, model, place) for place in places)
        return tuple(entries)

    def expected(
        self, report: str, first: date, end: date, zone: str = "UTC", *, by: str = "", now: datetime | None = None
    ) -> Totals:
        """Totals per (UTC date of `[first, end)`, breakdown, value of `by`) and ledger column.

        `by` is `model`, `host`, `project_id` or, of `activity_by_key` alone, `api_key_id`. The breakdown `byok` has no
        entry where nobody's own key was used; `activity_by_key` lacks the deleted key.
        With `now`, only quarters of an hour that are over by then count.
        """
        keyed = report == REPORTS[1]
        dimensions = ("", "model", "host", "project_id", *(("api_key_id",) if keyed else ()))
        if report not in REPORTS or zone != "UTC" or by not in dimensions:
            raise ValueError(f"there is no {report!r} by {by!r} in {zone!r}")
        totals: Totals = {}
        pairs = [pair for pair in self.all_pairs if not (keyed and pair.key.deleted)]
        for day, (low, high) in slots_of_dates(first, end, limit_of(now)).items():
            for pair in pairs:
                start, stop = min(low, pair.last), min(high, pair.last)
                if not pair.requests.between(start, stop):
                    continue
                used, own = _used(pair, start, stop)
                add_to(totals, (day, "api_key" if keyed else "", _dimension(pair, by)), used)
                if own and not keyed:
                    add_to(totals, (day, "byok", _dimension(pair, by)), {"amount": own})
        return totals

    def _start(self, minutes: int) -> datetime:
        # Lists go by time of creation, so no two are of one moment.
        return midnight(self.since) + timedelta(minutes=minutes)

    def _key(self, number: int) -> Key:
        text = f"{self.seed}/{self.account}/key/{number}"
        name = _NAMES[number] if number < len(_NAMES) else f"service-{number}"
        created = self._start(number)
        workspace = self.all_workspaces[0]
        if number % 3 == 2 and self.workspaces > 1:
            workspace = self.all_workspaces[1 + number // 3 % (self.workspaces - 1)]
        key = Key(
            key_hash=sha256(text.encode()).hexdigest(),
            names=((created, name),),
            workspace_id=workspace.workspace_id,
            creator=_CREATORS[number // 2 % len(_CREATORS)],
            created_at=created,
            limit=None if number else 1_000,
        )
        if number == self.keys:
            return replace(key, workspace_id=self.all_workspaces[0].workspace_id, deleted=True)
        if number == 1:
            return replace(key, names=((created, name), (max(created, RENAMED_AT), f"{name}-v2")))
        if number == 3:
            late = max(created, LATE_KEY_CREATED_AT)
            return replace(key, names=((late, name),), created_at=late)
        return replace(key, disabled_at=max(created, DISABLED_AT)) if number == 4 else key

    def _pair(self, key_number: int, key: Key, model: Model, place: int) -> Pair:
        host, free = model.hosts[place], (0, 0, 0)
        cached, uncached, output = (price * (1 + place) for price in model.prices)
        prices = (cached, uncached, output)
        fee = (cached * BYOK_FEE_PERCENT // 100, uncached * BYOK_FEE_PERCENT // 100, output * BYOK_FEE_PERCENT // 100)
        byok = host == model.byok_host and key_number > 0
        name = f"{self.seed}/{self.account}/{key.key_hash}/{model.slug}/{host}"
        size, born = 100 + stable(name) % 900, slot_of(key.created_at)

        def meter(what: str, scale: int) -> Stream:
            if not model.bursts:
                return stream(f"{name}/{what}", scale, born, STEADY)
            # One phase for all: the requests and the tokens of a burst fall on the same days, and others have none.
            return Stream(f"{name}/{what}", scale, born, 0, BURSTS)

        written = 0 if model.outputs == ("embeddings",) else size // 5
        return Pair(
            key,
            model,
            host,
            _uuid("endpoint", model.slug, host),
            fee if byok else prices,
            prices if byok else free,
            meter("requests", 1),
            meter("cached", size // 2),
            meter("uncached", size // 3),
            meter("output", written),
            meter("reasoning", written if model.reasons else 0),
            FOREVER if key.disabled_at is None else slot_of(key.disabled_at),
        )
