"""The registry of providers: one file each, listed here."""

from usage_ledger.core.errors import ConfigError
from usage_ledger.model.provider import Provider
from usage_ledger.providers.anthropic import ANTHROPIC
from usage_ledger.providers.authress import AUTHRESS
from usage_ledger.providers.aws_bedrock import AWS_BEDROCK
from usage_ledger.providers.azure_openai import AZURE_OPENAI
from usage_ledger.providers.fireworks import FIREWORKS
from usage_ledger.providers.google_vertex_ai import GOOGLE_VERTEX_AI
from usage_ledger.providers.groq import GROQ
from usage_ledger.providers.openai import OPENAI
from usage_ledger.providers.openrouter import OPENROUTER
from usage_ledger.providers.replicate import REPLICATE

PROVIDERS: dict[str, Provider] = {
    provider.name: provider
    for provider in (
        FIREWORKS,
        OPENAI,
        ANTHROPIC,
        OPENROUTER,
        REPLICATE,
        GROQ,
        AWS_BEDROCK,
        AZURE_OPENAI,
        GOOGLE_VERTEX_AI,
        AUTHRESS,
    )
}


def provider_named(name: str) -> Provider:
    """The declared provider; `ConfigError` names those that exist."""
    if name not in PROVIDERS:
        raise ConfigError(f"there is no provider {name!r}", next_step=f"use one of: {', '.join(sorted(PROVIDERS))}")
    return PROVIDERS[name]
