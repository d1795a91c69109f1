"""Resources of an account as its control plane lists them: the account, its users, their API keys."""

from datetime import datetime

from usage_ledger.sandbox.fireworks.account import ApiKey, FireworksAccount
from usage_ledger.sandbox.kit.account import name_at
from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.slots import rfc3339

EVERY_USER = "-"


def _email(account: FireworksAccount, user: str) -> str:
    return f"{user}@{account.account}.example"


def account_resource(account: FireworksAccount) -> Json:
    """One entry of `GET /v1/accounts`."""
    return {
        "name": f"accounts/{account.account}",
        "displayName": account.account.capitalize(),
        "accountType": "ENTERPRISE",
        "email": _email(account, "billing"),
        "createTime": rfc3339(account.start),
        "updateTime": rfc3339(account.start),
        "state": "READY",
        "status": {"code": "OK", "message": ""},
        "suspendState": "UNSUSPENDED",
    }


def user_resources(account: FireworksAccount) -> list[Json]:
    """All entries of `GET …/users`: the owners of the keys, in order of name."""
    return [
        {
            "name": f"accounts/{account.account}/users/{user}",
            "displayName": user.capitalize(),
            "email": _email(account, user),
            "role": "user",
            "permissionPreset": "",
            "serviceAccount": False,
            "state": "READY",
            "status": {"code": "OK", "message": ""},
            "createTime": rfc3339(account.start),
            "updateTime": rfc3339(account.start),
        }
        for user in sorted({key.owner for key in account.all_keys})
    ]


def api_key_resources(account: FireworksAccount, user: str, now: datetime) -> list[Json]:
    """All entries of `GET …/users/{user}/apiKeys` at `now`; `-` means every user."""
    return [
        _api_key(account, key, now)
        for key in account.all_keys
        if user in (key.owner, EVERY_USER) and key.created_at <= now
    ]


def _api_key(account: FireworksAccount, key: ApiKey, now: datetime) -> Json:
    return {
        "keyId": key.key_id,
        "displayName": name_at(key.names, now),
        "email": _email(account, key.owner),
        "prefix": f"fw_{key.key_id[-3:]}",
        "secure": True,
        "createTime": rfc3339(key.created_at),
        "lastUsed": rfc3339(now),
        "annotations": {},
    }
