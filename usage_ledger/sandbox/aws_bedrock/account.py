"""An invented AWS account: which models its regions call, by which ids, and how much."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any

from usage_ledger.sandbox.kit.account import RENAMED_AT, Account, Name, names_of
from usage_ledger.sandbox.kit.slots import FOREVER, slot_of
from usage_ledger.sandbox.kit.streams import BURSTS, Stream, stable

RUNTIME, MANTLE = "AWS/Bedrock", "AWS/BedrockMantle"
RETIRED_AT = datetime(2026, 10, 29, 10, 0, tzinfo=UTC)
"""When the retired model is called for the last time: two weeks later it is in no list of metrics."""
LATE_AT = datetime(2026, 11, 12, 9, 0, tzinfo=UTC)
"""When the fifth model is called first."""
SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
ACROSS = {"eu": "eu.", "us": "us.", "ap": "apac."}
"""The prefix of a cross-region profile, by how a region's name begins."""
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Caller:
    """What is called under one id in one region: its meters by the name of the metric."""

    region: str
    namespace: str
    labels: Labels
    """Names and values of the dimensions that together say what was called."""
    base_model: str
    meters: Mapping[str, Stream]

    @property
    def dimension_sets(self) -> tuple[Labels, ...]:
        """The sets of dimensions under each of which the same calls are published."""
        if self.namespace == MANTLE:
            return ((), self.labels[:1], self.labels[1:], self.labels)
        tier = (("ResolvedServiceTier", "default"), ("ServiceTier", "default"))
        return ((), self.labels, (*self.labels, *tier))


@dataclass(frozen=True, slots=True)
class Profile:
    """An inference profile: another id for a model."""

    profile_id: str
    region: str
    names: tuple[Name, ...]
    models: tuple[str, ...]
    kind: str
    created_at: datetime


@dataclass(frozen=True)
class BedrockAccount(Account):
    """One account, wholly determined by these values. Usage is zero before `since`, 00:00 UTC.

    Its oddities:
    the same calls are published under several sets of dimensions, of which one alone may be read;
    one model rests on most days and has no point then; one came late; one was retired and is in no list any more;
    one region spells the metrics of cached tokens in another way than the others;
    an application profile is called by its id, and renamed once;
    delivery of logs is counted under a model id that is none;
    traffic of the OpenAI-style endpoint is in a namespace of its own, per project.
    """

    regions: tuple[str, ...] = ("eu-central-1", "us-east-1")
    both_spellings: bool = False
    """The first model's cached tokens are published under both spellings."""
    more_models: int = 0
    """Further models in each region, each with two metrics."""
    session_token: str = ""
    """What temporary credentials must send besides."""
    expired: bool = False
    denied: tuple[str, ...] = ()
    """Actions that the account's policy lacks: `cloudwatch:GetMetricData`."""
    disabled: tuple[str, ...] = ()
    """Regions that are not enabled."""
    clock_ahead: timedelta = timedelta()
    """How far the service's clock is ahead of the machine's."""
    metrics_per_page: int = 500
    points_per_page: int = 100_800

    @property
    def account_id(self) -> str:
        """Twelve digits."""
        return self.account if re.fullmatch(r"\d{12}", self.account) else f"{self.number('account') % 10**12:012}"

    @property
    def settings(self) -> dict[str, str | tuple[str, ...]]:
        """The access key's id, and the regions to ask."""
        return {"access_key_id": self.access_key_id, "regions": self.regions}

    @property
    def access_key_id(self) -> str:
        """The id of the account's access key; it follows from the account's name."""
        return "AKIA" + sha256(self.account.encode()).hexdigest()[:16].upper()

    @cached_property
    def callers(self) -> tuple[Caller, ...]:
        """Everything that is called, in every region."""
        return tuple(caller for region in self.regions for caller in self._callers(region))

    @cached_property
    def profiles(self) -> tuple[Profile, ...]:
        """The inference profiles of every region."""
        profiles = []
        for region in self.regions:
            prefix = ACROSS.get(region[:2], "global.")
            area = prefix[:-1].upper()
            system = Profile(
                f"{prefix}{SONNET}",
                region,
                names_of(f"{area} Anthropic Claude Sonnet 4.5"),
                (SONNET,),
                "SYSTEM_DEFINED",
                self.start,
            )
            own = Profile(
                self.application_profile(region),
                region,
                names_of(f"support-bot-{region}", max(self.start, RENAMED_AT)),
                (SONNET,),
                "APPLICATION",
                self.start + timedelta(hours=9),
            )
            profiles += [system, own]
        return tuple(profiles)

    def application_profile(self, region: str) -> str:
        """The id of a region's application profile: twelve characters."""
        return f"{self.number('profile', region):016x}"[:12]

    def _callers(self, region: str) -> Iterator[Caller]:
        sonnet = f"{ACROSS.get(region[:2], 'global.')}{SONNET}"
        late = "CacheReadInputTokenCount" if region != self.regions[0] else "CacheReadInputTokens"
        for model, base in ((sonnet, SONNET), (self.application_profile(region), SONNET)):
            meters = self._text(region, model) | self._cache(region, model, late)
            if self.both_spellings and model == sonnet:
                meters |= self._cache(region, model, "CacheReadInputTokenCount")
            yield Caller(region, RUNTIME, (("ModelId", model),), base, meters)
        for model, meters in (
            ("amazon.nova-lite-v1:0", self._text(region, "amazon.nova-lite-v1:0", bursts=True)),
            ("amazon.nova-canvas-v1:0", self._images(region)),
            ("qwen.qwen3-32b-v1:0", self._text(region, "qwen.qwen3-32b-v1:0", born=LATE_AT)),
            ("anthropic.claude-instant-v1", self._text(region, "anthropic.claude-instant-v1", last=RETIRED_AT)),
        ):
            yield Caller(region, RUNTIME, (("ModelId", model),), model, meters)
        for number in range(self.more_models):
            model = f"meta.llama{number}-8b-instruct-v1:0"
            two = {name: self._meter(region, model, name, 5) for name in ("Invocations", "OutputTokenCount")}
            yield Caller(region, RUNTIME, (("ModelId", model),), model, two)
        logs = {"ModelInvocationLogsS3DeliverySuccess": self._meter(region, "logs", "delivered", 3)}
        yield Caller(region, RUNTIME, (("ModelId", "Across all model IDs"),), "", logs)
        for project in ("proj_1", "proj_2"):
            model, place = "openai.gpt-oss-120b", f"{region}/{project}"
            scales = (("Inferences", 1), ("TotalInputTokens", 300), ("TotalOutputTokens", 90))
            counts = {name: self._meter(place, model, name, scale) for name, scale in scales}
            yield Caller(region, MANTLE, (("Model", model), ("Project", project)), model, counts)

    def _meter(
        self,
        region: str,
        model: str,
        name: str,
        scale: int,
        *,
        born: datetime | None = None,
        last: datetime | None = None,
        bursts: bool = False,
    ) -> Stream:
        text = f"{region}/{model}/{name}"
        size = scale * (1 + stable(region, model) % 9)
        end = FOREVER if last is None else slot_of(last)
        if not bursts:
            return self.meter(text, size, max(born, self.start) if born else None, last=end)
        return Stream(f"{self.seed}/{self.account}/{text}", size, slot_of(self.start), 0, BURSTS, end)

    def _text(self, region: str, model: str, **course: Any) -> dict[str, Stream]:
        scales = (("Invocations", 1), ("InputTokenCount", 400), ("OutputTokenCount", 120))
        return {name: self._meter(region, model, name, scale, **course) for name, scale in scales}

    def _cache(self, region: str, model: str, read: str) -> dict[str, Stream]:
        # One stream under either spelling: both tell of the same tokens.
        written = read.replace("Read", "Write")
        return {read: self._meter(region, model, "read", 200), written: self._meter(region, model, "written", 40)}

    def _images(self, region: str) -> dict[str, Stream]:
        scales = (("Invocations", 1), ("OutputImageCount", 2))
        return {name: self._meter(region, "amazon.nova-canvas-v1:0", name, scale) for name, scale in scales}
