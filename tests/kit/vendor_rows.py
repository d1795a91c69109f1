"""One row of each provider's usage and money, as its vendor sends it, for 10 November 2026."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from kit.answering import Account, Answer

DAY = date(2026, 11, 10)
START, END = 1794268800, 1794355200
INSTANTS = {"startTime": "2026-11-10T00:00:00Z", "endTime": "2026-11-11T00:00:00Z"}
BOUNDS = {"starting_at": "2026-11-10T00:00:00Z", "ending_at": "2026-11-11T00:00:00Z"}
Json = Any


@dataclass(frozen=True)
class Sent:
    """A report's answer of one row: the ending of its path, the row, and what is around it."""

    provider: str
    report: str
    ending: str
    row: Mapping[str, Json]
    around: Mapping[str, Json] = field(default_factory=dict)
    """The fields of the answer; the list with the row is the empty one, at whatever depth."""

    def answer(self, *rows: Json) -> bytes:
        """The answer with these rows."""
        return json.dumps(_filled(copy.deepcopy(dict(self.around)), list(rows))).encode()

    def run(self, account: Account, *rows: Json, literals: Mapping[str, str] | None = None) -> list[Exception]:
        """Load the day with these rows; `literals` replace texts with what no JSON writer would write."""
        body = self.answer(*rows)
        for text, literal in (literals or {}).items():
            assert f'"{text}"'.encode() in body
            body = body.replace(f'"{text}"'.encode(), literal.encode())
        return self.load(account, body)

    def load(self, account: Account, body: bytes, day: date = DAY) -> list[Exception]:
        """Load a day from these bytes."""
        answers = account.server.answers
        answers.update({ending: Answer(content) for ending, content in WHO[self.provider](account.account).items()})
        answers[self.ending] = Answer(body)
        return list(account.run(day, reports=(self.report,)).failures)


def _filled(value: Json, rows: list[Json]) -> Json:
    if value == ["rows"]:
        return rows
    if isinstance(value, dict):
        return {name: _filled(content, rows) for name, content in value.items()}
    return [_filled(one, rows) for one in value] if isinstance(value, list) else value


WHO = {
    "fireworks": lambda name: {"/v1/accounts": {"accounts": [{"name": f"accounts/{name}"}]}, "/users": {"users": []}},
    "openai": lambda _: {
        f"/organization/{name}": {"object": "list", "data": [], "has_more": False} for name in ("projects", "users")
    },
    "anthropic": lambda name: {
        "/organizations/me": {"id": name, "type": "organization", "name": "Example"},
        **{f"/organizations/{one}": {"data": [], "has_more": False} for one in ("workspaces", "api_keys", "users")},
    },
    "openrouter": lambda _: {
        "/api/v1/key": {"data": {"is_management_key": True}},
        "/workspaces": {"data": [], "total_count": 0},
        "/keys": {"data": []},
        "/models": {"data": []},
        "/credits": {"data": {"total_credits": 5, "total_usage": 1}},
    },
    "replicate": lambda name: {
        "/v1/trainings": {"next": None, "previous": None, "results": []},
        "/v1/account": {"type": "organization", "username": name},
        "/deployments": {"next": None, "previous": None, "results": []},
        "/hardware": [{"name": "CPU", "sku": "cpu"}],
    },
}
"""What else is asked of each provider, for an account's name."""

SERVERLESS = {
    **INSTANTS,
    "promptTokens": "1000",
    "completionTokens": "250",
    "usageType": "TEXT_COMPLETION_INFERENCE_USAGE",
    "group": {"model_name": "m", "api_key_id": "k"},
}
FIREWORKS = Sent(
    "fireworks",
    "usage",
    "/billingUsage",
    SERVERLESS,
    {"serverlessCosts": ["rows"], "dedicatedCosts": [], "trainingCosts": []},
)
DEDICATED = Sent(
    "fireworks",
    "usage",
    "/billingUsage",
    {**INSTANTS, "deploymentId": "d", "acceleratorType": "NVIDIA_H100_80GB", "acceleratorSeconds": "86400"},
    {"serverlessCosts": [], "dedicatedCosts": ["rows"], "trainingCosts": []},
)
FIREWORKS_COST = Sent(
    "fireworks",
    "cost",
    "/billing/summary",
    {
        "category": "LLM output tokens",
        "groupingKey": "model_bucket",
        "groupingValue": "GLM 5.3",
        "series": "SERVERLESS",
        "quantity": 1000,
        "unitAmount": {"currencyCode": "USD", "units": "0", "nanos": 4400},
        "totalCost": {"currencyCode": "USD", "units": "1", "nanos": 500000000},
    },
    {"lineItems": ["rows"], "usageBuckets": [{**INSTANTS, "lineItems": ["rows"]}]},
)
BUCKET = {"object": "bucket", "start_time": START, "end_time": END, "results": ["rows"]}
OPENAI_PAGE = {"object": "page", "data": [BUCKET], "has_more": False, "next_page": None}
OPENAI = Sent(
    "openai",
    "embeddings",
    "/usage/embeddings",
    {
        "object": "organization.usage.embeddings.result",
        "input_tokens": 902311,
        "num_model_requests": 1480,
        "project_id": "proj_a",
        "user_id": None,
        "api_key_id": "key_a",
        "model": "text-embedding-3-small",
    },
    OPENAI_PAGE,
)
OPENAI_COST = Sent(
    "openai",
    "costs",
    "/organization/costs",
    {
        "object": "organization.costs.result",
        "amount": {"value": "1.50", "currency": "usd"},
        "line_item": "gpt-5.4-mini, input",
        "project_id": "proj_a",
        "api_key_id": "key_a",
        "quantity": 10,
        "quantity_unit": "tokens",
    },
    OPENAI_PAGE,
)
ANTHROPIC_PAGE = {"data": [{**BOUNDS, "results": ["rows"]}], "has_more": False, "next_page": None}
ANTHROPIC = Sent(
    "anthropic",
    "messages",
    "/usage_report/messages",
    {
        "uncached_input_tokens": 1000,
        "cache_read_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 50, "ephemeral_1h_input_tokens": 20},
        "output_tokens": 200,
        "server_tool_use": {"web_search_requests": 2},
        "api_key_id": "apikey_1",
        "workspace_id": "wrkspc_1",
        "model": "claude-sonnet-5",
        "service_tier": "standard",
        "context_window": "0-200k",
    },
    ANTHROPIC_PAGE,
)
ANTHROPIC_COST = Sent(
    "anthropic",
    "cost",
    "/cost_report",
    {
        "amount": "150.00",
        "currency": "USD",
        "description": "Claude Sonnet 5 Usage - Input Tokens",
        "cost_type": "tokens",
        "token_type": "uncached_input_tokens",
        "model": "claude-sonnet-5",
        "service_tier": "standard",
        "context_window": "0-200k",
        "inference_geo": "global",
        "workspace_id": "wrkspc_1",
    },
    ANTHROPIC_PAGE,
)
CLAUDE_CODE = Sent(
    "anthropic",
    "claude_code",
    "/usage_report/claude_code",
    {
        "date": "2026-11-10T00:00:00Z",
        "actor": {"type": "api_actor", "api_key_name": "ci"},
        "customer_type": "api",
        "terminal_type": "tmux",
        "core_metrics": {
            "num_sessions": 4,
            "lines_of_code": {"added": 310, "removed": 122},
            "commits_by_claude_code": 3,
            "pull_requests_by_claude_code": 1,
        },
        "tool_actions": {},
        "model_breakdown": [
            {
                "model": "claude-sonnet-5",
                "tokens": {"input": 512, "output": 184, "cache_read": 402, "cache_creation": 22},
                "estimated_cost": {"currency": "USD", "amount": 63},
            }
        ],
    },
    {"data": ["rows"], "has_more": False, "next_page": None},
)
OPENROUTER = Sent(
    "openrouter",
    "activity",
    "/activity",
    {
        "date": "2026-11-10",
        "model": "openai/gpt-5-mini",
        "model_permaslug": "openai/gpt-5-mini-2025-08-07",
        "endpoint_id": "a8b1d2c3-77aa-4f0e-8d5b-5f1e9c0b7d42",
        "provider_name": "OpenAI",
        "usage": 1.5,
        "byok_usage_inference": 0,
        "requests": 44,
        "prompt_tokens": 120300,
        "completion_tokens": 9120,
        "reasoning_tokens": 0,
        "workspace_id": "0df9e665-0000-4740-b2c7-b52af166bc11",
    },
    {"data": ["rows"]},
)
REPLICATE = Sent(
    "replicate",
    "predictions",
    "/v1/predictions",
    {
        "id": "k3v9c0x7t1rm80c000001",
        "model": "acme/llm",
        "version": "hidden",
        "source": "api",
        "status": "succeeded",
        "created_at": "2026-11-10T09:14:02.113Z",
        "started_at": "2026-11-10T09:14:02.500Z",
        "completed_at": "2026-11-10T09:14:06.500Z",
        "metrics": {"predict_time": 1.4, "input_token_count": 48, "output_token_count": 212},
    },
    {"next": None, "previous": None, "results": ["rows"]},
)


def changed(row: Mapping[str, Json], path: str, value: Json) -> Json:
    """The row with another value at a path; `...` takes the field away."""
    copied: Json = copy.deepcopy(dict(row))
    holder = copied
    *outer, leaf = path.split("/")
    for name in outer:
        holder = holder[int(name) if isinstance(holder, list) else name]
    if value is ...:
        del holder[leaf]
    else:
        holder[leaf] = value
    return copied
