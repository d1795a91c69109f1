"""What a request is refused for, in AWS's words."""

from collections.abc import Mapping
from typing import Any

from usage_ledger.sandbox.kit.serving import Json, Refusal

SENDER = "com.amazon.coral.service#"


def refusal(code: str, message: str, status: int = 400) -> Refusal:
    """An error in the JSON protocols: its code in `__type`."""
    body: Json = {"__type": f"{SENDER}{code}", "message": message}
    return Refusal(status, body, {"x-amzn-ErrorType": code, "x-amzn-query-error": f"{code};Sender"})


def denied(account: str, action: str) -> Refusal:
    """An action that no policy of the user allows."""
    who = f"arn:aws:iam::{account}:user/usage-ledger"
    return refusal(
        "AccessDeniedException",
        f"User: {who} is not authorized to perform: {action} because no identity-based policy allows the {action} "
        "action",
    )


def text_of(document: Mapping[str, Any], name: str) -> str:
    """A text of the body, '' where it is absent. Raises `Refusal` for another type."""
    value = document.get(name, "")
    if not isinstance(value, str):
        raise refusal("SerializationException", f"{name} must be a string")
    return value


def whole_of(value: object, name: str, least: int, most: int) -> int:
    """A whole number within bounds. Raises `Refusal`."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise refusal("ValidationError", f"{name} must be a whole number from {least} to {most}")
    return value
