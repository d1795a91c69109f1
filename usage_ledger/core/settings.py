"""Numbers that are set in the environment: one that is malformed counts as its default, and is an error to show."""

import os
import re
from dataclasses import dataclass

from usage_ledger.core.errors import ConfigError, one_line


@dataclass(frozen=True)
class NumberSetting:
    """An environment variable that holds a number; empty means its default."""

    name: str
    default: str
    pattern: str
    allowed: str

    @property
    def text(self) -> str:
        """The number that counts: the one that is set, else the default."""
        return self.default if self.error() else os.environ.get(self.name) or self.default

    def error(self) -> ConfigError | None:
        """What is wrong with the value that is set; None when nothing is."""
        value = os.environ.get(self.name) or self.default
        if re.fullmatch(self.pattern, value):
            return None
        return ConfigError(
            f"{self.name} is {one_line(value, 40)!r}", next_step=f"set {self.allowed}, or leave it empty"
        )


TASK_RETRIES = NumberSetting("USAGE_LEDGER_TASK_RETRIES", "3", r"[0-9]{1,3}", "a whole number from 0 to 999, such as 3")
RETRY_SCALE = NumberSetting(
    "USAGE_LEDGER_RETRY_SCALE", "1", r"[0-9]{1,4}(\.[0-9]{1,6})?", "a number from 0 to 9999, such as 1 or 0.5"
)


def malformed_settings() -> list[ConfigError]:
    """An error for each setting whose value is not allowed."""
    return [error for setting in (TASK_RETRIES, RETRY_SCALE) if (error := setting.error())]


def require_settings() -> None:
    """Raises the first of `malformed_settings`."""
    for error in malformed_settings():
        raise error
