"""The settings of a connection as `connect` takes them: some go to the YAML, some are stored with the key."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from usage_ledger.cli.arguments import WrongUsage
from usage_ledger.model.provider import Provider, Setting


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """What the options name: values for the file, values that are stored with the key, and secrets to ask for."""

    in_file: dict[str, str | list[str]]
    with_key: dict[str, str]
    secrets: tuple[Setting, ...]

    def ask(self, read: Callable[[str], str]) -> dict[str, str]:
        """All that is stored with the key, each secret as `read` gets it by its label. Raises `WrongUsage`."""
        return self.with_key | {setting.name: _checked(setting, [read(setting.label)]) for setting in self.secrets}


def connection_settings(provider: Provider, options: Iterable[str], *, own_key: bool) -> ConnectionSettings:
    """The settings that the options name: `name=value`, repeated or with commas for a list, and the name of a secret.

    A secret has no value there, where other users of the machine see it. Raises `WrongUsage`.
    """
    declared = {setting.name: setting for setting in provider.settings}
    values: dict[str, list[str]] = {}
    for option in options:
        name, has_value, value = option.partition("=")
        setting = declared.get(name)
        if setting is None:
            raise WrongUsage(
                f"{provider.title} has no setting {name[:40]!r}", next_step=f"use {', '.join(declared) or 'none'}"
            )
        if setting.secret == bool(has_value):
            form, kind = (name, "a secret, and asked for") if setting.secret else (f"{name}=value", "no secret")
            raise WrongUsage(f"the setting {name} is {kind}", next_step=f"write `--setting {form}`")
        values.setdefault(name, []).extend(value.split(",") if setting.repeated else [value])
    stored = {name for name, setting in declared.items() if setting.secret or setting.part_of_key}
    _require(provider, stored & set(values), own_key=own_key)
    return ConnectionSettings(
        {name: parts if declared[name].repeated else parts[-1] for name, parts in values.items() if name not in stored},
        {
            name: _checked(declared[name], parts)
            for name, parts in values.items()
            if name in stored and not declared[name].secret
        },
        tuple(declared[name] for name in values if declared[name].secret),
    )


def _require(provider: Provider, named: set[str], *, own_key: bool) -> None:
    """What belongs to a key must be there with a key, and with nothing else. Raises `WrongUsage`."""
    if named and not own_key:
        raise WrongUsage(
            f"the setting {', '.join(sorted(named))} belongs to an own key",
            next_step="leave out either it or --credential",
        )
    for setting in provider.settings:
        if own_key and setting.part_of_key and setting.required and setting.name not in named:
            raise WrongUsage(
                f"the setting {setting.name} is missing: {setting.help}",
                next_step=f"add `--setting {setting.name}{'' if setting.secret else '=…'}`",
            )


def _checked(setting: Setting, parts: list[str]) -> str:
    """The value as it is stored. Raises `WrongUsage`, which shows no secret."""
    for part in parts:
        if not re.fullmatch(setting.pattern, part):
            shown = "" if setting.secret else f" {part[:80]!r}"
            raise WrongUsage(f"the setting {setting.name}{shown} is not allowed", next_step=f"use {setting.pattern}")
    return ",".join(parts)
