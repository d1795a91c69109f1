"""The stand-ins of every provider but Fireworks: an invented account, and the routes that serve it."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from fastapi import APIRouter

from usage_ledger.sandbox.anthropic.api import anthropic_router
from usage_ledger.sandbox.anthropic.truth import AnthropicTruth
from usage_ledger.sandbox.app import Router
from usage_ledger.sandbox.authress.api import authress_router
from usage_ledger.sandbox.authress.truth import AuthressTruth
from usage_ledger.sandbox.aws_bedrock.api import aws_bedrock_router
from usage_ledger.sandbox.aws_bedrock.truth import BedrockTruth
from usage_ledger.sandbox.azure_openai.api import azure_openai_router
from usage_ledger.sandbox.azure_openai.truth import AzureTruth
from usage_ledger.sandbox.google_vertex_ai.api import google_vertex_ai_router
from usage_ledger.sandbox.google_vertex_ai.truth import GoogleVertexAITruth
from usage_ledger.sandbox.groq.api import groq_router
from usage_ledger.sandbox.groq.truth import GroqTruth
from usage_ledger.sandbox.openai.api import openai_router
from usage_ledger.sandbox.openai.truth import OpenAITruth
from usage_ledger.sandbox.openrouter.api import openrouter_router
from usage_ledger.sandbox.openrouter.truth import OpenRouterTruth
from usage_ledger.sandbox.replicate.api import replicate_router
from usage_ledger.sandbox.replicate.truth import ReplicateTruth


class StandIn(NamedTuple):
    """Makes an account from `seed` and `account`, and serves accounts by their keys."""

    truth: Callable[..., Any]
    router: Callable[..., APIRouter]
    prefix: str = ""
    """What the path of a connection's host begins with, where paths are another provider's too."""


STAND_INS = {
    "openai": StandIn(OpenAITruth, openai_router),
    "anthropic": StandIn(AnthropicTruth, anthropic_router),
    "openrouter": StandIn(OpenRouterTruth, openrouter_router),
    "replicate": StandIn(ReplicateTruth, replicate_router),
    "google_vertex_ai": StandIn(GoogleVertexAITruth, google_vertex_ai_router),
    "groq": StandIn(GroqTruth, groq_router),
    "aws_bedrock": StandIn(BedrockTruth, aws_bedrock_router),
    "azure_openai": StandIn(AzureTruth, azure_openai_router),
    "authress": StandIn(AuthressTruth, authress_router, "/authress"),
}


def other_accounts(key: str, account: str, seed: int = 1) -> list[Router]:
    """An account of that name at each of these providers, all opened by one key."""
    return [partial(one.router, {key: one.truth(seed=seed, account=account)}) for one in STAND_INS.values()]
