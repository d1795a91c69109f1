"""Resources of an account as its control plane lists them: the account, its users, their API keys."""

from datetime import UTC, datetime, time

from usage_ledger.sandbox.fireworks.account import ApiKey
from usage_ledger.sandbox.fireworks.truth import FireworksTruth
from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.slots import rfc3339, slot_of

EVERY_USER = "-"


def _email(truth: FireworksTruth, user: str) -> str:
    return f"{user}@{truth.account}.example"


def _born(truth: FireworksTruth) -> str:
    return rfc3339(datetime.combine(truth.since, time(), UTC))


def account_resource(truth: FireworksTruth) -> Json:
    """One entry of `GET /v1/accounts`."""
    return {
        "name": f"accounts/{truth.account}",
        "displayName": truth.account.capitalize(),
        "accountType": "ENTERPRISE",
        "email": _email(truth, "billing"),
        "createTime": _born(truth),
        "updateTime": _born(truth),
        "state": "READY",
        "status": {"code": "OK", "message": ""},
        "suspendState": "UNSUSPENDED",
    }


def user_resources(truth: FireworksTruth) -> list[Json]:
    """All entries of `GET …/users`: the owners of the keys, in order of name."""
    return [
        {
            "name": f"accounts/{truth.account}/users/{user}",
            "displayName": user.capitalize(),
            "email": _email(truth, user),
            "role": "user",
            "permissionPreset": "",
            "serviceAccount": False,
            "state": "READY",
            "status": {"code": "OK", "message": ""},
            "createTime": _born(truth),
            "updateTime": _born(truth),
        }
        for user in sorted({key.owner for key in truth.all_keys})
    ]


def api_key_resources(truth: FireworksTruth, user: str, now: datetime) -> list[Json]:
    """All entries of `GET …/users/{user}/apiKeys` at `now`; `-` means every user."""
    return [
        _api_key(truth, key, now) for key in truth.all_keys if user in (key.owner, EVERY_USER) and key.created_at <= now
    ]


def _api_key(truth: FireworksTruth, key: ApiKey, now: datetime) -> Json:
    name = next(name for name, first, last in key.names if first <= slot_of(now) < last)
    return {
        "keyId": key.key_id,
        "displayName": name,
        "email": _email(truth, key.owner),
        "prefix": f"fw_{key.key_id[-3:]}",
        "secure": True,
        "createTime": rfc3339(key.created_at),
        "lastUsed": rfc3339(now.astimezone(UTC)),
        "annotations": {},
    }
