"""An invented OpenRouter account: who uses which model on which host."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from uuid import UUID

from usage_ledger.sandbox.kit.account import LATE_KEY_CREATED_AT, RENAMED_AT, Account, Name, names_of
from usage_ledger.sandbox.kit.slots import limit_of, slot_of
from usage_ledger.sandbox.kit.streams import BURSTS, Stream, stable, stream
from usage_ledger.sandbox.openrouter.catalogue import CATALOGUE, Model, Prices

DISABLED_AT = datetime(2026, 11, 12, 16, 0, tzinfo=UTC)
"""When the fifth key is disabled; its usage ends there."""
BYOK_FEE_PERCENT = 5
"""The fee for inference with an own key, in percent of its price."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace; the first of an account is its default one."""

    workspace_id: str
    name: str
    slug: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Key:
    """An API key."""

    key_hash: str
    names: tuple[Name, ...]
    workspace_id: str
    creator: str
    created_at: datetime
    disabled_at: datetime | None = None
    deleted: bool = False
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """One key's use of one model on one host.

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


_NAMES = ("support-bot", "search", "nightly-evals", "ingest", "old-pilot", "search")
OWNER = "user_2ExampleDana0000000000"
_CREATORS = (OWNER, "user_2ExampleLee00000000000", "user_2ExampleMira0000000000")


def _uuid(*parts: object) -> str:
    return str(UUID(int=stable(*parts, "high") << 64 | stable(*parts, "low"), version=4))


@dataclass(frozen=True)
class OpenRouterAccount(Account):
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

    keys: int = 6
    models: int = len(CATALOGUE)
    workspaces: int = 2

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
            version, place = divmod(number, len(CATALOGUE))
            model = replace(CATALOGUE[place], stamped=number % 2 == 1)
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

    def _start(self, minutes: int) -> datetime:
        # Lists go by time of creation, so no two are of one moment.
        return self.start + timedelta(minutes=minutes)

    def _key(self, number: int) -> Key:
        text = f"{self.seed}/{self.account}/key/{number}"
        name = _NAMES[number] if number < len(_NAMES) else f"service-{number}"
        created = self._start(number)
        workspace = self.all_workspaces[0]
        if number % 3 == 2 and self.workspaces > 1:
            workspace = self.all_workspaces[1 + number // 3 % (self.workspaces - 1)]
        key = Key(
            key_hash=sha256(text.encode()).hexdigest(),
            names=names_of(name),
            workspace_id=workspace.workspace_id,
            creator=_CREATORS[number // 2 % len(_CREATORS)],
            created_at=created,
            limit=None if number else 1_000,
        )
        if number == self.keys:
            return replace(key, workspace_id=self.all_workspaces[0].workspace_id, deleted=True)
        if number == 1:
            return replace(key, names=names_of(name, max(created, RENAMED_AT)))
        if number == 3:
            return replace(key, created_at=max(created, LATE_KEY_CREATED_AT))
        return replace(key, disabled_at=max(created, DISABLED_AT)) if number == 4 else key

    def _pair(self, key_number: int, key: Key, model: Model, place: int) -> Pair:
        host, free = model.hosts[place], (0, 0, 0)
        cached, uncached, output = (price * (1 + place) for price in model.prices)
        prices = (cached, uncached, output)
        fee = (cached * BYOK_FEE_PERCENT // 100, uncached * BYOK_FEE_PERCENT // 100, output * BYOK_FEE_PERCENT // 100)
        byok = host == model.byok_host and key_number > 0
        name = f"{self.seed}/{self.account}/{key.key_hash}/{model.slug}/{host}"
        size, born = 100 + stable(name) % 900, slot_of(key.created_at)
        last = limit_of(key.disabled_at)

        def meter(what: str, scale: int) -> Stream:
            if not model.bursts:
                return stream(f"{name}/{what}", scale, born, last=last)
            # One phase for all: the requests and the tokens of a burst fall on the same days, and others have none.
            return Stream(f"{name}/{what}", scale, born, 0, BURSTS, last)

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
        )
