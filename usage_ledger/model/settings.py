"""Checks the settings of a connection's file against those that its provider declares."""

import re
from collections.abc import Mapping

from usage_ledger.model.provider import Provider


def check_settings(provider: Provider, settings: Mapping[str, str | tuple[str, ...]], *, own_key: bool) -> None:
    """Raises `ValueError` naming the setting, its value and what is allowed; secret settings are refused."""
    declared = {setting.name: setting for setting in provider.settings}
    allowed = ", ".join(name for name, setting in declared.items() if not setting.secret) or "none"
    for name, value in settings.items():
        setting = declared.get(name)
        if setting is None or setting.secret:
            raise ValueError(f"key `settings.{name}` is not a setting of {provider.title}; allowed: {allowed}")
        if setting.repeated == isinstance(value, str):
            raise ValueError(f"key `settings.{name}`: allowed is {'a list' if setting.repeated else 'one value'}")
        for one in (value,) if isinstance(value, str) else value:
            if not re.fullmatch(setting.pattern, one):
                raise ValueError(f"key `settings.{name}`: {one!r} is not allowed; allowed: {setting.pattern}")
    for name, setting in declared.items():
        if setting.part_of_key and name in settings and not own_key:
            raise ValueError(f"key `settings.{name}` belongs to an own key, and `credential` names another identity")
        in_file = setting.required and not setting.secret and not setting.part_of_key
        if in_file and not settings.get(name):
            raise ValueError(f"key `settings.{name}` is missing: {setting.help}")
