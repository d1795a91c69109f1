"""An invented Fireworks account: keys, models, deployments, training jobs, and their meters.

Prices are whole picodollars (10^-12 USD) per unit of a stream, so that half a nanodollar per token is an integer too.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

from usage_ledger.sandbox.kit.account import LATE_KEY_CREATED_AT, RENAMED_AT, Account, Name, names_of
from usage_ledger.sandbox.kit.slots import slot_of
from usage_ledger.sandbox.kit.streams import BURSTS, Stream, stable, stream

TAGS = ("team", "project", "environment")

TRAINING_PICO = 500_000
AUDIO_PICO_PER_TENTH = 2_500_000
ACCELERATOR_PICO = {"NVIDIA_H100_80GB": 2_000_000_000, "NVIDIA_B200_180GB": 3_000_000_000}

TagStyle = Literal["prefixed", "plain", "blank"]


@dataclass(frozen=True, slots=True)
class Model:
    """A serverless text model and its picodollars per cached, uncached and output token."""

    model_id: str
    label: str
    cached_pico: int
    uncached_pico: int
    output_pico: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key, its owner, its names over time, and how the service spells its tags."""

    key_id: str
    owner: str
    created_at: datetime
    names: tuple[Name, ...]
    tag_style: TagStyle


@dataclass(frozen=True, slots=True)
class Pair:
    """One key's use of one model. Tokens in tokens, audio in tenths of a second."""

    key: ApiKey
    model_id: str
    operation: str
    tags: dict[str, str]
    cached: Stream
    uncached: Stream
    output: Stream
    audio: Stream


@dataclass(frozen=True, slots=True)
class Deployment:
    """A dedicated deployment: accelerator seconds in each of its placements."""

    name: str
    base_model: str
    accelerator: str
    tags: dict[str, str]
    placements: tuple[tuple[str, Stream], ...]


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """A fine-tuning job that runs on a few days of every fortnight. Tokens."""

    job_id: str
    base_model: str
    session: str
    tags: dict[str, str]
    tokens: Stream


AUDIO_MODEL = "accounts/fireworks/models/whisper-v3"
_CATALOGUE = (
    # The cached price is 7.5 nanodollars: no whole number of them, as on the real price list.
    ("deepseek-v4p1-flash", "DeepSeek V4.1 Flash", 7_500, 300_000, 1_200_000),
    ("glm-5p3", "GLM 5.3", 260_000, 1_400_000, 4_400_000),
    ("kimi-k3", "Kimi K3", 300_000, 3_000_000, 15_000_000),
    ("gpt-oss-120b", "GPT-OSS 120B", 15_000, 150_000, 600_000),
    ("qwen3p8-max", "Qwen 3.8 Max", 250_000, 2_000_000, 6_000_000),
    ("minimax-m3", "MiniMax M3", 60_000, 300_000, 1_200_000),
)
_KEY_NAMES = ("support-bot", "search", "ingest", "nightly-evals", "", "coding-agent")
_OWNERS = ("dana", "lee", "mira", "noor", "otto")
_TEAMS = ("support", "search", "research")
_STYLES: dict[int, TagStyle] = {4: "blank", 5: "plain"}


def _catalogue(count: int) -> tuple[Model, ...]:
    """The first `count` text models; after the sixth, numbered variants."""
    models = []
    for number in range(count):
        variant, place = divmod(number, len(_CATALOGUE))
        slug, label, *prices = _CATALOGUE[place]
        tail = (f"-v{variant + 1}", f" v{variant + 1}") if variant else ("", "")
        models.append(Model(f"accounts/fireworks/models/{slug}{tail[0]}", label + tail[1], *prices))
    return tuple(models)


@dataclass(frozen=True)
class FireworksAccount(Account):
    """One account, wholly determined by these values. Usage is zero before `since`, 00:00 UTC.

    Oddities of the keys, by position: the second is renamed, the third sends no tags, the fourth comes late, the
    fifth has neither name nor tags (the service writes `''`), the tags of the sixth are spelled `team` instead of
    `annotations.team`. Even deployments have two placements and tags, odd ones have one and none. Even training jobs
    have tags.
    """

    keys: int = 6
    models: int = 4
    deployments: int = 2
    training_jobs: int = 1
    tiers: bool = False
    """Whether text is billed by class of service, in batches, and at prices that change: see `tiers.py`."""
    administrator: bool = True
    """Whether the key is an account administrator's."""

    @cached_property
    def all_keys(self) -> tuple[ApiKey, ...]:
        """The API keys, also those not created yet."""
        return tuple(self._key(number) for number in range(self.keys))

    def _key(self, number: int) -> ApiKey:
        created = max(self.start, LATE_KEY_CREATED_AT) if number == 3 else self.start
        name = _KEY_NAMES[number] if number < len(_KEY_NAMES) else f"service-{number}"
        names = names_of(name, RENAMED_AT if number == 1 else None)
        owner = _OWNERS[number // 2 % len(_OWNERS)]
        key_id = f"key_{self.number('key', number):016x}"
        return ApiKey(key_id, owner, created, names, _STYLES.get(number, "prefixed"))

    @cached_property
    def all_models(self) -> tuple[Model, ...]:
        """The text models with their prices."""
        return _catalogue(self.models)

    @cached_property
    def all_pairs(self) -> tuple[Pair, ...]:
        """Every key with every model, but keys at odd positions never use the model of their own position."""
        entries = [
            self._pair(key, model, self._tags(key_number, model_number))
            for key_number, key in enumerate(self.all_keys)
            for model_number, model in enumerate(self.all_models)
            if key_number % 2 == 0 or key_number != model_number
        ]
        return (*entries, *map(self._audio_pair, self.all_keys[:1]))

    def _tags(self, key: int, model: int) -> dict[str, str]:
        if key in (2, 4) or (key + model) % 5 == 4:
            return {}
        lot = self.number("tags", key, model)
        tags = {"team": _TEAMS[key % len(_TEAMS)], "project": ("ranker", "chat", "etl")[lot % 3]}
        return tags if lot % 2 else tags | {"environment": ("prod", "staging")[lot // 2 % 2]}

    def _pair(self, key: ApiKey, model: Model, tags: dict[str, str]) -> Pair:
        name = f"{key.key_id}/{model.model_id}"
        size = 100 + stable(f"{self.seed}/{self.account}/{name}") % 900
        shares = (("cached", size // 2), ("uncached", size // 3), ("output", size // 5), ("audio", 0))
        meters = (self.meter(f"{name}/{what}", scale, key.created_at) for what, scale in shares)
        return Pair(key, model.model_id, "TEXT_COMPLETION_INFERENCE_USAGE", tags, *meters)

    def _audio_pair(self, key: ApiKey) -> Pair:
        silent = self.meter("tokens", 0)
        words = self.meter(f"{key.key_id}/audio", 37, key.created_at)
        return Pair(key, AUDIO_MODEL, "AUDIO_INFERENCE_USAGE", {"team": _TEAMS[0]}, silent, silent, silent, words)

    @cached_property
    def all_deployments(self) -> tuple[Deployment, ...]:
        """The dedicated deployments, with their meters."""
        return tuple(self._deployment(number) for number in range(self.deployments))

    def _deployment(self, number: int) -> Deployment:
        name = f"accounts/{self.account}/deployments/ranker-{number + 1}"
        accelerator = tuple(ACCELERATOR_PICO)[number % len(ACCELERATOR_PICO)]
        first = slot_of(self.start)
        placements = tuple(
            (place, stream(f"{self.seed}/{name}/{place}", 60, first))
            for place in ("US_IOWA_1", "EUROPE")[: 2 - number % 2]
        )
        tags = {} if number % 2 else {"team": "search", "environment": "prod"}
        return Deployment(name, f"accounts/{self.account}/models/ranker-v{number + 1}", accelerator, tags, placements)

    @cached_property
    def all_jobs(self) -> tuple[TrainingJob, ...]:
        """The supervised fine-tuning jobs, with their meters."""
        return tuple(self._job(number) for number in range(self.training_jobs))

    def _job(self, number: int) -> TrainingJob:
        job_id = f"sft-{self.number('job', number) % 0xFFFFFF:06x}"
        tags = {} if number % 2 else {"team": "research"}
        tokens = self.meter(job_id, 4000, cycles=BURSTS)
        return TrainingJob(job_id, "accounts/fireworks/models/qwen3-8b", f"session-{number}", tags, tokens)
