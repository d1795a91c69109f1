"""An invented Anthropic organization: who uses what, and what is billed for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from usage_ledger.sandbox.kit.account import LATE_KEY_CREATED_AT, RENAMED_AT, Account, Name, names_of
from usage_ledger.sandbox.kit.slots import FOREVER, instant_of, is_weekend, slot_of
from usage_ledger.sandbox.kit.streams import Stream, cycle, stable

ARCHIVED_AT = datetime(2026, 11, 12, 16, 0, tzinfo=UTC)
"""When the fourth workspace is archived."""
REMOVED_AT = datetime(2026, 11, 15, 8, 0, tzinfo=UTC)
"""When the last user leaves."""
CODE_DELAY = timedelta(hours=1)
"""How old usage must be before the Claude Code report shows it."""

# Office hours alone, in eleven weeks that differ.
_OFFICE = (0,) * 32 + (1,) * 48 + (0,) * 16
_MOODS = [0 if is_weekend(day) else 6 + stable("workday", day) % 9 for day in range(77)]
_WORKDAYS = (cycle(mood * busy for mood in _MOODS for busy in _OFFICE),)
_WORKSPACES = ("Default", "Support", "Claude Code", "Legacy Import")
# Each key's name and the position of its workspace.
_KEYS = (("prod-ingest", 0), ("support-bot", 1), ("legacy-import", 3), ("nightly-evals", 1), ("org-agent", 0))
_USERS = ("dana", "lee", "mira", "noor", "otto")
_TOOLS = ("edit_tool", "multi_edit_tool", "write_tool", "notebook_edit_tool")
# Per kind of token: its share in thousandths of a use's size, its price in percent of the model's, what it counts for.
TOKENS: dict[str, tuple[int, int, tuple[str, ...]]] = {
    "uncached_input_tokens": (333, 100, ("input_tokens",)),
    "cache_read_input_tokens": (999, 10, ("input_tokens", "cached_input_tokens")),
    "ephemeral_5m_input_tokens": (111, 125, ("input_tokens", "cache_write_tokens")),
    "ephemeral_1h_input_tokens": (33, 200, ("input_tokens", "cache_write_tokens", "cache_write_1h_tokens")),
    "output_tokens": (200, 100, ("output_tokens",)),
}
# The meters of Claude Code: counts with a divisor, tokens with a scale.
_LINES = {"added": 3, "removed": 7}
_COUNTS = {"num_sessions": 90, **_LINES, "commits_by_claude_code": 200, "pull_requests_by_claude_code": 500}
CODE_TOKENS = {"input": 20, "cache_read": 90, "cache_creation": 9, "output": 8}


class Workspace(NamedTuple):
    """A workspace, and how reports name it: the first one, the default, by null, although it has an id."""

    workspace_id: str
    name: str
    archived_at: datetime | None
    reported: str | None


class ApiKey(NamedTuple):
    """A key, and whether it belongs to a workspace alone."""

    key_id: str
    workspace: Workspace
    scoped: bool
    created_at: datetime
    names: tuple[Name, ...]


class User(NamedTuple):
    """A member of the organization, until it leaves."""

    user_id: str
    name: str
    email: str
    removed_at: datetime | None


class Model(NamedTuple):
    """A model, where it runs, and its cents per million tokens."""

    model_id: str
    label: str
    geo: str
    input_cents: int
    output_cents: int


class Use(NamedTuple):
    """One way of using one model, or none: meters by name, and nanocents (10^-9) per unit of those that are billed."""

    workspace: Workspace
    label: str
    dims: Mapping[str, str | None]
    meters: Mapping[str, Stream]
    prices: Mapping[str, int]
    requests: Stream


class CodeRecord(NamedTuple):
    """One actor's Claude Code in one terminal. Each model has an `amount`, in steps of `10 ** -digits` cents."""

    actor: str
    dims: Mapping[str, str | None]
    counts: Mapping[str, Stream]
    tools: Mapping[str, Mapping[str, Stream]]
    models: Mapping[str, Mapping[str, Stream]]
    digits: int


_MODELS = (
    Model("claude-sonnet-5", "Claude Sonnet 5", "global", 300, 1500),
    Model("claude-haiku-4-5-20251001", "Claude Haiku 4.5", "not_available", 100, 500),
    Model("claude-opus-4-8", "Claude Opus 4.8", "global", 500, 2500),
)


@dataclass(frozen=True)
class AnthropicAccount(Account):
    """One organization, wholly determined by these values; `account` is its id. Nothing is used before `since`.

    Its oddities:
    the first workspace is the default one, null in every report;
    the fourth workspace is archived with the third key, whose usage stops;
    the second key is renamed, so that Claude Code has two records of it that day;
    the fourth key comes late, and runs in the US at a dearer price;
    the fifth key belongs to the organization, to no workspace;
    Console use has no key and no account, OAuth traffic an account only, federated traffic a service account only;
    Priority Tier and blocked requests are usage without cost, code execution and sessions are cost without usage;
    the last user leaves the list one day, the reports never;
    users have Claude Code in two terminals, the first one also by subscription, with a tool of its own;
    a user's estimates are whole cents, a key's have fractions and no `subscription_type`;
    Claude Code rests on weekends, and every report has empty days before `since`.
    """

    keys: int = 5
    models: int = 3
    users: int = 4

    def _id(self, kind: str, number: int) -> str:
        return f"{kind}_01{self.number(kind, number):016X}"

    @cached_property
    def all_workspaces(self) -> tuple[Workspace, ...]:
        """The default workspace and three more, the last of them archived."""
        ids = [self._id("wrkspc", place) for place in range(4)]
        ends, reported = (None, None, None, ARCHIVED_AT), (None, *ids[1:])
        return tuple(map(Workspace, ids, _WORKSPACES, ends, reported))

    @cached_property
    def all_keys(self) -> tuple[ApiKey, ...]:
        """The API keys, also those not created yet."""
        entries = []
        for place in range(self.keys):
            name, home = _KEYS[place] if place < len(_KEYS) else (f"service-{place}", place % 3)
            created = max(self.start, LATE_KEY_CREATED_AT) if place == 3 else self.start
            names = names_of(name, RENAMED_AT if place == 1 else None)
            entries.append(ApiKey(self._id("apikey", place), self.all_workspaces[home], place != 4, created, names))
        return tuple(entries)

    @cached_property
    def all_users(self) -> tuple[User, ...]:
        """The members, also those who have left."""
        names = [*_USERS, *(f"user{place}" for place in range(len(_USERS), self.users))][: self.users]
        ends = [None] * (self.users - 1) + [REMOVED_AT]
        return tuple(
            User(self._id("user", place), name.capitalize(), f"{name}@{self.account}.example", left)
            for place, (name, left) in enumerate(zip(names, ends, strict=False))
        )

    @property
    def all_models(self) -> tuple[Model, ...]:
        """The models with their prices: one to three."""
        return _MODELS[: max(self.models, 1)]

    @cached_property
    def all_uses(self) -> tuple[Use, ...]:
        """Who uses which model and how, and what is billed without a model."""
        models, (default, support, code, _), entries = self.all_models, self.all_workspaces, []
        for place, key in enumerate(self.all_keys):
            own = [model for number, model in enumerate(models) if (place + number) % 4 != 3]
            entries += [self._use("plain", model, key.workspace, key, 110 if place == 3 else 100) for model in own]
            if place == 0:
                entries.append(self._use("batch", models[0], default, key, 50, service_tier="batch"))
                entries.append(self._use("long", models[0], default, key, 200, context_window="200k-1M"))
            if place == 1:
                entries.append(self._use("priority", models[0], support, key, 0, service_tier="priority"))
                # Its dimensions are those of plain use: usage adds both up, only plain use is billed.
                entries.append(self._use("blocked", models[0], support, key, 0))
        entries.append(self._use("console", models[0], default))
        entries.append(self._use("federated", models[-1], support, service_account_id=self._id("svac", 0)))
        for place, user in enumerate(self.all_users):
            entries.append(self._use(f"oauth-{place}", models[place % len(models)], code, account_id=user.user_id))
        for workspace, name, cents in ((default, "code_execution", 5), (support, "session_usage", 8)):
            hundredths = self.meter(name, 1, divisor=5)
            dims = {"workspace_id": workspace.reported}
            entries.append(Use(workspace, "", dims, {name: hundredths}, {name: cents * 10**7}, hundredths))
        return tuple(entries)

    def _use(
        self, kind: str, model: Model, place: Workspace, key: ApiKey | None = None, rate: int = 100, **odd: str
    ) -> Use:
        """`rate` is the price in percent of the model's; 110 buys inference in the US where the model has it."""
        name = f"{kind}/{key.key_id if key else ''}/{model.model_id}"
        size, since = 100 + stable(self.seed, name) % 900, key.created_at if key else self.start
        last = slot_of(place.archived_at) if place.archived_at else FOREVER
        abroad = rate == 110 and model.geo == "global"
        dims = {"account_id": None, "api_key_id": key.key_id if key else None, "workspace_id": place.reported}
        dims |= {"service_account_id": None, "model": model.model_id, "service_tier": "standard"}
        dims |= {"speed": "fast" if "context_window" in odd else "standard"}
        dims |= {"context_window": "0-200k", "inference_geo": "us" if abroad else model.geo, **odd}
        meters, prices = {}, {}
        for part, (share, percent, columns) in TOKENS.items():
            # Batches are not cached, and few clients pay for writes that last an hour.
            unused = (kind == "batch" and len(columns) > 1) or ("1h" in part and size % 4)
            scale = 0 if unused else size * share // 1000
            meters[part] = self.meter(f"{name}/{part}", scale, since, last=last)
            cents = model.output_cents if part == "output_tokens" else model.input_cents
            prices[part] = cents * percent * (100 if rate == 110 and not abroad else rate) // 10
        searching = int(kind == "plain" and size % 3 > 0)
        meters["web_search_requests"] = self.meter(f"{name}/searches", searching, since, last=last, divisor=150)
        prices["web_search_requests"] = 10**9
        requests = self.meter(f"{name}/requests", 1, since, last=last)
        return Use(place, model.label, dims, meters, prices if rate else {}, requests)

    @cached_property
    def all_records(self) -> tuple[CodeRecord, ...]:
        """The Claude Code of users, per terminal, and of the first two keys, per name."""
        api, team = {"customer_type": "api"}, {"customer_type": "subscription", "subscription_type": "team"}
        entries = []
        for place, user in enumerate(self.all_users):
            own = {**api, "subscription_type": None}
            entries += [self._record(user.email, terminal, own) for terminal in ("vscode", "tmux")]
            entries += [self._record(user.email, "iTerm.app", team)] * (place == 0)
        for key in self.all_keys[:2]:
            entries += [self._record(name, "non-interactive", api, *life) for name, *life in key.names]
        return tuple(entries)

    def _record(
        self, actor: str, terminal: str, dims: Mapping[str, str | None], first: int = 0, last: int = FOREVER
    ) -> CodeRecord:
        def meter(what: str, scale: int, divisor: int) -> Stream:
            name, born = f"code/{actor}/{terminal}/{what}", max(self.start, instant_of(first))
            return self.meter(name, scale, born, _WORKDAYS, last=last, divisor=divisor)

        counts = {name: meter(name, 1, divisor) for name, divisor in _COUNTS.items()}
        tools = (*_TOOLS, "web_fetch_tool") if terminal == "iTerm.app" else _TOOLS
        ways = (("accepted", 30), ("rejected", 300))
        used = {tool: {way: meter(f"{tool}/{way}", 1, size) for way, size in ways} for tool in tools}
        lot, models = stable(self.seed, actor, terminal), {}
        for step in range(1 + lot // 8 % 2):
            name = self.all_models[(lot + step) % len(self.all_models)].model_id
            models[name] = {part: meter(f"{name}/{part}", scale, 1) for part, scale in CODE_TOKENS.items()}
            models[name]["amount"] = meter(f"{name}/amount", 1, 9)
        digits = 0 if "subscription_type" in dims else 2
        return CodeRecord(actor, {**dims, "terminal_type": terminal}, counts, used, models, digits)
