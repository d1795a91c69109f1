"""Which rows a meter reads, or belong to a row set: by the text at a path. A row without one matches nothing."""

import re
from dataclasses import dataclass

from usage_ledger.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class OneOf:
    """Rows whose text is one of these."""

    path: str
    values: tuple[str, ...]

    def matches(self, text: str) -> bool:
        """Whether a row with that text is meant."""
        return text in self.values


@dataclass(frozen=True, slots=True)
class Matches:
    """Rows whose text matches a regular expression as a whole. Raises `ConfigError` for a pattern that is none."""

    path: str
    pattern: str

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ConfigError(f"{self.pattern!r} is no regular expression: {error}") from error

    def matches(self, text: str) -> bool:
        """Whether a row with that text is meant."""
        return re.fullmatch(self.pattern, text) is not None


Where = OneOf | Matches
