"""Who and what an invented Fireworks account holds: keys, models, deployments, training jobs, and their meters.

Prices are whole picodollars (10^-12 USD) per unit of a stream, so that half a nanodollar per token is an integer too.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Literal

from usage_ledger.sandbox.kit.slots import slot_of
from usage_ledger.sandbox.kit.streams import BURSTS, Stream, stable, stream

RENAMED_AT = datetime(2026, 11, 18, 11, 30, tzinfo=UTC)
"""When the second key is renamed: inside a local day, never on its edge, in every zone."""
LATE_KEY_CREATED_AT = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
"""When the fourth key is created."""
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
    """A key, its owner, its names over time, and how the service spells its tags.

    `names` holds `(name, first slot, last slot)`, half-open, one after the other.
    """

    key_id: str
    owner: str
    created_at: datetime
    names: tuple[tuple[str, int, int], ...]
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


def catalogue(count: int) -> tuple[Model, ...]:
    """The first `count` text models; after the sixth, numbered variants."""
    models = []
    for number in range(count):
        variant, place = divmod(number, len(_CATALOGUE))
        slug, label, *prices = _CATALOGUE[place]
        tail = (f"-v{variant + 1}", f" v{variant + 1}") if variant else ("", "")
        models.append(Model(f"accounts/fireworks/models/{slug}{tail[0]}", label + tail[1], *prices))
    return tuple(models)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def api_keys(seed: int, account: str, count: int, since: date) -> tuple[ApiKey, ...]:
    """Keys with their oddities by position.

    The second is renamed, the third sends no tags, the fourth comes late, the fifth has neither name nor tags
    (the service writes `''`), the tags of the sixth are spelled `team` instead of `annotations.team`.
    """
    keys = []
    for number in range(count):
        created = _midnight(since)
        if number == 3:
            created = max(created, LATE_KEY_CREATED_AT)
        name = _KEY_NAMES[number] if number < len(_KEY_NAMES) else f"service-{number}"
        first, renamed, last = 0, slot_of(RENAMED_AT), slot_of(datetime(9999, 1, 1, tzinfo=UTC))
        names: tuple[tuple[str, int, int], ...] = ((name, first, last),)
        if number == 1:
            names = ((name, first, renamed), (f"{name}-v2", renamed, last))
        owner = _OWNERS[number // 2 % len(_OWNERS)]
        key_id = f"key_{stable(seed, account, 'key', number):016x}"
        keys.append(ApiKey(key_id, owner, created, names, _STYLES.get(number, "prefixed")))
    return tuple(keys)


def _tags(seed: int, account: str, key: int, model: int) -> dict[str, str]:
    lot = stable(seed, account, "tags", key, model)
    if key in (2, 4) or (key + model) % 5 == 4:
        return {}
    tags = {"team": _TEAMS[key % len(_TEAMS)], "project": ("ranker", "chat", "etl")[lot % 3]}
    return tags if lot % 2 else tags | {"environment": ("prod", "staging")[lot // 2 % 2]}


def pairs(seed: int, account: str, keys: tuple[ApiKey, ...], models: tuple[Model, ...]) -> tuple[Pair, ...]:
    """Every key with every model, except that keys at odd positions never use the model of their own position."""
    entries = []
    for key_number, key in enumerate(keys):
        for model_number, model in enumerate(models):
            if key_number % 2 and key_number == model_number:
                continue
            name = f"{seed}/{account}/{key.key_id}/{model.model_id}"
            born, size = slot_of(key.created_at), 100 + stable(name) % 900
            cached = stream(f"{name}/cached", size // 2, born)
            uncached = stream(f"{name}/uncached", size // 3, born)
            output = stream(f"{name}/output", size // 5, born)
            tags = _tags(seed, account, key_number, model_number)
            operation, silent = "TEXT_COMPLETION_INFERENCE_USAGE", stream("audio", 0, born)
            entries.append(Pair(key, model.model_id, operation, tags, cached, uncached, output, silent))
    if keys:
        entries.append(_audio_pair(seed, account, keys[0]))
    return tuple(entries)


def _audio_pair(seed: int, account: str, key: ApiKey) -> Pair:
    born, tags = slot_of(key.created_at), {"team": _TEAMS[0]}
    silent = stream("tokens", 0, born)
    spoken = stream(f"{seed}/{account}/{key.key_id}/audio", 37, born)
    return Pair(key, AUDIO_MODEL, "AUDIO_INFERENCE_USAGE", tags, silent, silent, silent, spoken)


def deployments(seed: int, account: str, count: int, since: date) -> tuple[Deployment, ...]:
    """Deployments, the even ones in two placements and tagged, the odd ones in one and untagged."""
    entries = []
    for number in range(count):
        name = f"accounts/{account}/deployments/ranker-{number + 1}"
        accelerator = tuple(ACCELERATOR_PICO)[number % len(ACCELERATOR_PICO)]
        placements = tuple(
            (place, stream(f"{seed}/{name}/{place}", 60, slot_of(_midnight(since))))
            for place in ("US_IOWA_1", "EUROPE")[: 2 - number % 2]
        )
        tags = {} if number % 2 else {"team": "search", "environment": "prod"}
        base_model = f"accounts/{account}/models/ranker-v{number + 1}"
        entries.append(Deployment(name, base_model, accelerator, tags, placements))
    return tuple(entries)


def training_jobs(seed: int, account: str, count: int, since: date) -> tuple[TrainingJob, ...]:
    """Supervised fine-tuning jobs, the even ones tagged."""
    entries = []
    for number in range(count):
        job_id = f"sft-{stable(seed, account, 'job', number) % 0xFFFFFF:06x}"
        tokens = stream(f"{seed}/{account}/{job_id}", 4000, slot_of(_midnight(since)), BURSTS)
        tags = {} if number % 2 else {"team": "research"}
        entries.append(TrainingJob(job_id, "accounts/fireworks/models/qwen3-8b", f"session-{number}", tags, tokens))
    return tuple(entries)
