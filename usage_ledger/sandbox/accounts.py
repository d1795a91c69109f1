"""An invented account at every provider but Fireworks, all opened by one key."""

from functools import partial

from usage_ledger.sandbox.anthropic_api import anthropic_router
from usage_ledger.sandbox.anthropic_truth import AnthropicTruth
from usage_ledger.sandbox.app import Router
from usage_ledger.sandbox.openai_api import openai_router
from usage_ledger.sandbox.openai_truth import OpenAITruth
from usage_ledger.sandbox.openrouter_api import openrouter_router
from usage_ledger.sandbox.openrouter_truth import OpenRouterTruth
from usage_ledger.sandbox.replicate_api import replicate_router
from usage_ledger.sandbox.replicate_truth import ReplicateTruth


def other_accounts(key: str, account: str, seed: int = 1) -> list[Router]:
    """Accounts of that name, each as its provider would serve it."""
    return [
        partial(openai_router, {key: OpenAITruth(seed=seed, account=account)}),
        partial(anthropic_router, {key: AnthropicTruth(seed=seed, account=account)}),
        partial(openrouter_router, {key: OpenRouterTruth(seed=seed, account=account)}),
        partial(replicate_router, {key: ReplicateTruth(seed=seed, account=account)}),
    ]
