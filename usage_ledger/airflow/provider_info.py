"""Airflow's provider entry point: one connection type per provider, with its own form. Imports no Airflow."""

from typing import Any

from usage_ledger import __version__
from usage_ledger.model.provider import Provider
from usage_ledger.providers import PROVIDERS


def get_provider_info() -> dict[str, Any]:
    """What Airflow's UI and provider discovery read."""
    return {
        "package-name": "usage-ledger",
        "name": "Usage Ledger",
        "description": "What AI providers metered and charged, loaded daily into a warehouse.",
        "versions": [__version__],
        "connection-types": [_connection_type(provider) for provider in PROVIDERS.values()],
    }


def hook_class_name(provider: Provider) -> str:
    """The hook of a provider's connection type, `usage_ledger.airflow.hooks.<Name>Hook`."""
    name = "".join(part.capitalize() for part in provider.name.split("_"))
    return f"usage_ledger.airflow.hooks.{name}Hook"


def _connection_type(provider: Provider) -> dict[str, Any]:
    """The account is the form's login: key and account are then in the same section, which is open at first."""
    return {
        "connection-type": provider.name,
        "hook-class-name": hook_class_name(provider),
        "hook-name": provider.title,
        "ui-field-behaviour": {
            "hidden-fields": ["port", "schema", "extra"],
            "relabeling": {"login": provider.account.label, "password": provider.auth.key_label, "host": "Base URL"},
            "placeholders": {"login": provider.account.help, "password": provider.key_help, "host": "leave empty"},
        },
        "conn-fields": {
            setting.name: {
                "label": setting.label,
                "description": setting.help,
                "schema": {"type": ["string", "null"]} | ({"format": "password"} if setting.secret else {}),
            }
            for setting in provider.settings
        },
    }
