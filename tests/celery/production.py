"""The production shape as docker-compose.yaml has it: what each service runs, and with which environment.

A test that starts the same programs by hand takes both from here, so that it cannot drift from the file.
"""

import re
import shlex
from collections.abc import Mapping
from typing import Any

import yaml

from usage_ledger.core.project import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text(encoding="utf-8"))
# ${NAME:?message} is a secret, ${NAME:-default} a setting; a doubled dollar is a literal one.
_variable = re.compile(r"\$\{(\w+):([-?])([^}]*)\}|\$\$")


def secret_names() -> set[str]:
    """The variables that have no default."""
    text = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
    return {name for name, operator, _ in _variable.findall(text) if operator == "?"}


class Production:
    """The services, with these variables in place of `${…}`, and hosts, ports and folders of this machine.

    `places` maps what the file writes (`redis:6379`) to what it is here (`127.0.0.1:40001`).
    """

    def __init__(self, variables: Mapping[str, str], places: Mapping[str, str]) -> None:
        self._variables, self._places = variables, places

    def environment(self, service: str) -> dict[str, str]:
        """What the service's processes see, beyond what the image says."""
        return {name: self._here(str(value)) for name, value in COMPOSE["services"][service]["environment"].items()}

    def command(self, service: str) -> list[str]:
        """The service's command; one of Airflow begins with `airflow`, as the image's entry point adds it."""
        command = COMPOSE["services"][service]["command"]
        words = shlex.split(command) if isinstance(command, str) else command
        words = [self._here(word) for word in words]
        return words if words[0] in ("bash", "sh") else ["airflow", *words]

    def _here(self, text: str) -> str:
        def value(found: re.Match[str]) -> str:
            name, operator, word = found.groups()
            if name is None:
                return "$"
            return self._variables[name] if operator == "?" else self._variables.get(name, word)

        text = _variable.sub(value, text)
        for there, here in self._places.items():
            text = text.replace(there, here)
        return text
