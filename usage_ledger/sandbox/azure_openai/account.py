"""An invented Entra tenant: its subscriptions, their accounts of Cognitive Services, and what runs in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

from usage_ledger.sandbox.azure_openai.catalogue import MODELS, OPENAI_MODELS, REQUESTS, SKUS, Model
from usage_ledger.sandbox.kit.account import Account
from usage_ledger.sandbox.kit.slots import DAY_SLOTS, FOREVER, is_weekend, slot_of
from usage_ledger.sandbox.kit.streams import STEADY, Stream, cycle

CREATED_AT = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
"""When the fourth deployment is created."""
DELETED_AT = datetime(2026, 11, 14, 15, 30, tzinfo=UTC)
"""When the second deployment is deleted."""
IN_FIRST = 12
"""Deployments of the first account: more than an answer has by default, also when one of them is deleted."""
_OFFICE = (cycle(int(not is_weekend(slot // DAY_SLOTS)) for slot in range(7 * DAY_SLOTS)),)
_PLACES = (("OpenAI", "swedencentral"), ("AIServices", "eastus2"), ("AIServices", "westeurope"))


class Resource(NamedTuple):
    """An account of Cognitive Services. Only the kinds OpenAI and AIServices run models."""

    subscription: str
    name: str
    kind: str
    location: str

    @property
    def path(self) -> str:
        """Its id in Resource Manager."""
        group = f"/subscriptions/{self.subscription}/resourceGroups/rg-ai"
        return f"{group}/providers/Microsoft.CognitiveServices/accounts/{self.name}"


class Deployment(NamedTuple):
    """A model that runs in an account, listed from `created_at` until `deleted_at`."""

    name: str
    resource: Resource
    model: Model
    sku: str
    created_at: datetime
    deleted_at: datetime | None
    meters: dict[str, Stream]
    blank: str
    """What a point of an idle bucket has as its total: nothing (''), `null` or `zero`."""


@dataclass(frozen=True)
class AzureAccount(Account):
    """One tenant, wholly determined by these values. Usage is zero before `since`, 00:00 UTC.

    Oddities, by position and if there are that many:
    the token sees one subscription more than a connection names, and its account's usage belongs to nobody;
    the first subscription has an account of another kind (speech), whose metrics are not asked for;
    the first account has twelve deployments, more than an answer holds by default;
    the second deployment is deleted and no longer listed, its earlier usage stays;
    the fourth comes late, the fifth rests at weekends, with points without a total;
    the sixth is never used: its totals are null; the seventh is never used either: its totals are zero;
    models of others than OpenAI have no metrics of the category Azure OpenAI;
    accounts of the kind OpenAI offer neither cache metrics nor images;
    deployments of the same name run in two accounts.
    """

    subscriptions: int = 2
    resources: int = 3
    deployments: int = 18
    page: int = 50
    """Items of a page of a list, rows of a page of costs."""
    faults: frozenset[str] = frozenset()
    """Of `queries.FAULTS`: what the service does wrong."""

    def _uuid(self, *parts: object) -> str:
        return str(UUID(int=self.number(*parts, "high") << 64 | self.number(*parts, "low"), version=4))

    @property
    def account_id(self) -> str:
        """The tenant's id."""
        return self._uuid("tenant")

    @property
    def client_id(self) -> str:
        """The application that a connection signs in as."""
        return self._uuid("client")

    @cached_property
    def all_subscriptions(self) -> tuple[str, ...]:
        """The subscriptions that the application sees; the last one is named by no connection."""
        return tuple(self._uuid("subscription", number) for number in range(self.subscriptions + 1))

    @property
    def settings(self) -> dict[str, str | tuple[str, ...]]:
        """The application, its tenant, and the subscriptions to read."""
        return {"client_id": self.client_id, "tenant_id": self.account_id, "subscriptions": self.all_subscriptions[:-1]}

    @cached_property
    def all_resources(self) -> tuple[Resource, ...]:
        """The accounts, by subscription in turn: those that run models, one of speech, one that nobody names."""
        mine = self.all_subscriptions[:-1]
        named = [
            Resource(mine[number % len(mine)], f"{self.account}-{place}-{number}", kind, place)
            for number in range(self.resources)
            for kind, place in [_PLACES[number % len(_PLACES)]]
        ]
        speech = Resource(mine[0], f"{self.account}-speech", "SpeechServices", "westeurope")
        return (*named, speech, Resource(self.all_subscriptions[-1], f"{self.account}-other", "OpenAI", "uksouth"))

    @cached_property
    def all_deployments(self) -> tuple[Deployment, ...]:
        """The deployments, also those not created yet or deleted."""
        return (*self._named(), self._deployment(0, self.all_resources[-1]))

    def _named(self) -> Iterator[Deployment]:
        for number in range(self.deployments):
            after = number - IN_FIRST
            place = 0 if after < 0 or self.resources == 1 else 1 + after % (self.resources - 1)
            yield self._deployment(number, self.all_resources[place])

    def _deployment(self, number: int, resource: Resource) -> Deployment:
        models = OPENAI_MODELS if resource.kind == "OpenAI" else MODELS[4:] + MODELS[:4]
        model = models[(number if number < IN_FIRST else (number - IN_FIRST) // 2) % len(models)]
        name = f"{model.name}-{number}" if number < IN_FIRST else f"{model.name}-{(number - IN_FIRST) // 2}"
        created = max(self.start, CREATED_AT) if number == 3 else self.start
        deleted = max(self.start, DELETED_AT) if number == 1 else None
        last = slot_of(deleted) if deleted else FOREVER
        idle, cycles = number in (5, 6), _OFFICE if number == 4 else STEADY
        meters = {
            meter: self.meter(f"{resource.path}/{name}/{meter}", 0 if idle else scale, created, cycles, last=last)
            for meter, scale in {**model.scales, **REQUESTS}.items()
        }
        blank = {5: "null", 6: "zero"}.get(number, "")
        sku = SKUS[number % len(SKUS)]
        return Deployment(name, resource, model, sku, created, deleted, meters, blank)
