"""The words of `usage-ledger usage`: what its dimensions, filters and usage types mean in the ledger's columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from usage_ledger.cli.arguments import WrongUsage
from usage_ledger.contracts.registry import contract
from usage_ledger.model.provider import Provider
from usage_ledger.warehouse.usage import KEY_NAME, dimensions

DEDICATED, TRAINING = "dedicated", "training"
USAGE_TYPES = {"dedicated-deployment": DEDICATED}
"""Words for a usage type that are not the ledger's own."""
TAGS = tuple(name for name in dimensions() if name.startswith("tag_"))
WORDS = {
    "model_name": "model",
    "base_model": "model",
    "deployment_name": "deployment",
    "accelerator_type": "accelerator",
    "job_type": "operation",
    "usage_type": "variant",
    **{f"annotations.{tag.removeprefix('tag_')}": tag for tag in TAGS},
    **{tag.removeprefix("tag_"): tag for tag in TAGS},
}
"""Words for a column that are not the ledger's own."""
OF_TRAINING = frozenset({"base_model", "job_type", "usage_type"})
DEFAULTS = {
    DEDICATED: ("deployment_name", "accelerator_type"),
    TRAINING: ("job_id", "job_type", "usage_type", "accelerator_type", "base_model"),
}
"""What groups a usage type where no dimension that applies to it is chosen; others are grouped by model."""


@dataclass(frozen=True)
class Dimension:
    """A dimension as a person wrote it, and its column."""

    word: str
    column: str

    def applies(self, usage_type: str, columns: frozenset[str]) -> bool:
        """Whether rows of the usage type have it, where the provider's rows of that type have these columns."""
        if self.word in OF_TRAINING and usage_type != TRAINING:
            return False
        if self.word == "model_name" and usage_type in (DEDICATED, TRAINING):
            return False
        return ("api_key_id" if self.column == KEY_NAME else self.column) in columns


def dimension(word: str, option: str) -> Dimension:
    """The dimension of that word. Raises `WrongUsage` with the nearest ones, and all."""
    if word in WORDS:
        return Dimension(word, WORDS[word])
    if word in dimensions():
        return Dimension(word, word)
    words = list(dict.fromkeys((*WORDS, *dimensions())))
    raise WrongUsage(f"{option} {word[:40]!r} is no dimension", next_step=_choice(word, words))


def filters(texts: Iterable[str]) -> dict[Dimension, list[str]]:
    """The values of each dimension that a row must have one of. Raises `WrongUsage`."""
    chosen: dict[Dimension, list[str]] = {}
    for text in texts:
        word, equals, value = text.partition("=")
        if not equals:
            raise WrongUsage(f"--filter {text[:60]!r} has no value", next_step="write it as KEY=VALUE")
        named = dimension(word, "--filter")
        same = next((one for one in chosen if one.column == named.column), named)
        chosen.setdefault(same, []).append(value)
    return chosen


def type_named(word: str) -> str:
    """The ledger's word for a usage type; '' for all of them. Raises `WrongUsage`."""
    if word == "all":
        return ""
    words = [one for one in contract("usage_daily").column("usage_type").valid_values if one]
    name = USAGE_TYPES.get(word, word)
    if name not in words:
        raise WrongUsage(
            f"--usage-type {word[:40]!r} is no usage type", next_step=_choice(word, ["all", *USAGE_TYPES, *words])
        )
    return name


def grouping(chosen: Sequence[Dimension], usage_type: str, columns: frozenset[str]) -> tuple[Dimension, ...]:
    """The dimensions that group a usage type: the chosen ones that apply to it, else its default ones."""
    words = DEFAULTS.get(usage_type, ("model_name",))
    applied = [one for one in chosen if one.applies(usage_type, columns)]
    applied = applied or [one for word in words if (one := dimension(word, "")).applies(usage_type, columns)]
    return tuple(dict.fromkeys(applied))


def columns_of(provider: Provider, usage_type: str, breakdown: str) -> frozenset[str]:
    """The columns that the provider's rows of a usage type can have a value in."""
    columns: set[str] = set()
    for report in provider.reports:
        for rows in report.row_sets:
            constants = dict(rows.constants)
            named = constants.get("usage_type", usage_type)
            if rows.table == "usage_daily" and rows.breakdown == breakdown and named == usage_type:
                columns |= {one.column for one in rows.dimensions} | constants.keys()
    return frozenset(columns)


def _choice(word: str, words: Sequence[str]) -> str:
    near = get_close_matches(word, words, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{hint}Allowed: {', '.join(words)}"
