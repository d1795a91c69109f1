"""An invented Replicate account: models, deployments, and the predictions of every quarter hour.

Oddities, as life has them:
- days of UTC without any, calm nights and weekends;
- a model that appears late, and one that changes its version in the middle of a day;
- versions that are no hash: `hidden` and an internal `dp-...`;
- a deployment that ran predictions and is not listed any more; predictions without any;
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from usage_ledger.sandbox.kit.account import Account
from usage_ledger.sandbox.kit.slots import DAY_SLOTS, is_weekend, slot_of
from usage_ledger.sandbox.kit.streams import stable
from usage_ledger.sandbox.replicate.predictions import Lots, Model, Prediction, prediction_of

LATE_MODEL_AT = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
"""When the fifth model is used first."""
NEW_VERSION_AT = datetime(2026, 11, 18, 11, 30, tzinfo=UTC)
"""When the first model changes its version: inside a local day, never on its edge, in every zone."""
HARDWARE = {
    "cpu": "CPU",
    "gpu-t4": "Nvidia T4 GPU",
    "gpu-l40s": "Nvidia L40S GPU",
    "gpu-a100-large": "Nvidia A100 (80GB) GPU",
    "gpu-h100": "Nvidia H100 GPU",
}
"""Names by SKU."""
_DEPLOYED_ON = ("gpu-l40s", "gpu-t4", "cpu", "gpu-a100-large")
_OFFICE, _NIGHT, _WEEKEND = (1, 2, 3, 3), (0, 1, 1, 2), (0, 0, 1, 1)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment that is listed; `name` is `owner/name` as predictions have it."""

    name: str
    model: Model
    hardware: str


def _version(*parts: object) -> str:
    return "".join(f"{stable('version', *parts, part):016x}" for part in range(4))


def _models(seed: int, account: str, count: int) -> tuple[Model, ...]:
    style, upscaler = f"{account}/style", f"{account}/upscaler"
    new = (_version(seed, upscaler, 2), slot_of(NEW_VERSION_AT))
    available = (
        Model(upscaler, ((_version(seed, upscaler, 1), 0), new), own=True),
        Model("meta/meta-llama-3-70b-instruct", (("hidden", 0),), own=False, tokens=True),
        Model(style, ((_version(seed, style, 1), 0),), own=True),
        Model("replicate-internal/flux-dev", ((f"dp-{stable(seed, 'dp'):016x}", 0),), own=False),
        Model("black-forest-labs/flux-schnell", (("hidden", slot_of(LATE_MODEL_AT)),), own=False),
    )
    others = (f"{account}/model-{number}" for number in range(len(available), count))
    return (*available[:count], *(Model(name, ((_version(seed, name), 0),), own=True) for name in others))


@dataclass(frozen=True)
class ReplicateAccount(Account):
    """One account, wholly determined by these values; nothing happens before `since`, 00:00 UTC.

    There is at least one model. A quarter hour has 0 to 3 predictions times `rate`. `http_next` makes the address of
    the next page begin with `http://api.replicate.com`, as in the documentation's examples.
    """

    models: int = 5
    deployments: int = 2
    rate: int = 1
    http_next: bool = False

    @cached_property
    def all_models(self) -> tuple[Model, ...]:
        """The models, also those not used yet."""
        return _models(self.seed, self.account, self.models)

    @cached_property
    def all_deployments(self) -> tuple[Deployment, ...]:
        """The deployments that are listed, each of one of the account's own models."""
        own = [model for model in self.all_models if model.own]
        return tuple(
            Deployment(
                f"{own[number % len(own)].name}-{number + 1}",
                own[number % len(own)],
                _DEPLOYED_ON[number % len(_DEPLOYED_ON)],
            )
            for number in range(self.deployments)
        )

    @cached_property
    def _deployment_names(self) -> dict[str, list[str]]:
        """The deployments of each model, and '' for none. The first model has one more, which is no longer listed."""
        names = {model.name: [""] for model in self.all_models}
        for deployment in self.all_deployments:
            names[deployment.model.name].append(deployment.name)
        if self.deployments:
            names[self.all_models[0].name].append(f"{self.account}/retired")
        return names

    def predictions_in(self, slot: int) -> tuple[Prediction, ...]:
        """The predictions created in `slot`, oldest first."""
        if slot < slot_of(self.start):
            return ()
        day, quarter = divmod(slot, DAY_SLOTS)
        if self.number("idle", day) % 29 == 0:
            return ()
        busy = _WEEKEND if is_weekend(day) else _OFFICE if 32 <= quarter < 80 else _NIGHT
        count = busy[self.number("count", slot) % len(busy)] * self.rate
        return tuple(self._prediction(slot, number, count) for number in range(count))

    def _prediction(self, slot: int, number: int, count: int) -> Prediction:
        lots = Lots(*(self.number(name, slot, number) for name in ("what", "when", "how", "where", "spoken")))
        in_use = [model for model in self.all_models if model.version_in(slot)]
        model = in_use[lots.what % len(in_use)]
        return prediction_of(lots, model, self._deployment_names[model.name], slot, number, count)
