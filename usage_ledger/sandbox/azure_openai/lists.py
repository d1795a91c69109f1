"""The lists of Resource Manager: subscriptions, accounts of Cognitive Services, their deployments."""

from usage_ledger.sandbox.azure_openai.account import Deployment, Resource
from usage_ledger.sandbox.azure_openai.queries import (
    NAMESPACE,
    AzureCall,
    paged,
    require_version,
    resource_of,
    subscription_of,
)
from usage_ledger.sandbox.kit.account import is_over
from usage_ledger.sandbox.kit.serving import Json

_MAKER = {
    "createdBy": "dana.roe@example.com",
    "createdByType": "User",
    "createdAt": "2026-01-05T09:00:00Z",
    "lastModifiedBy": "dana.roe@example.com",
    "lastModifiedByType": "User",
    "lastModifiedAt": "2026-01-05T09:00:00Z",
}
"""Who made a thing, which Resource Manager tells of each."""


def subscriptions(call: AzureCall) -> Json:
    """The subscriptions that the application has a role in."""
    require_version(call, "2022-12-01")
    tenant = call.truth.account_id
    return paged(
        call,
        [
            {
                "id": f"/subscriptions/{one}",
                "authorizationSource": "RoleBased",
                "subscriptionId": one,
                "tenantId": tenant,
                "displayName": f"AI {number}",
                "state": "Enabled",
            }
            for number, one in enumerate(call.truth.all_subscriptions)
            if "no_role" not in call.truth.faults
        ],
    )


def resources(call: AzureCall) -> Json:
    """The accounts of a subscription."""
    require_version(call, "2024-10-01")
    name = subscription_of(call)
    return paged(call, [_resource(one) for one in call.truth.all_resources if one.subscription == name])


def _resource(one: Resource) -> Json:
    return {
        "id": one.path,
        "name": one.name,
        "type": NAMESPACE,
        "location": one.location,
        "kind": one.kind,
        "sku": {"name": "S0"},
        "systemData": _MAKER,
        "properties": {"provisioningState": "Succeeded", "endpoint": f"https://{one.name}.openai.azure.com/"},
    }


def deployments(call: AzureCall) -> Json:
    """The deployments of an account that exist now."""
    require_version(call, "2024-10-01")
    resource = resource_of(call)
    return paged(
        call,
        [
            _deployment(one)
            for one in call.truth.all_deployments
            if one.resource == resource and one.created_at <= call.now and not is_over(one.deleted_at, call.now)
        ],
    )


def _deployment(one: Deployment) -> Json:
    model = {"format": one.model.format, "name": one.model.name, "version": one.model.version}
    return {
        "id": f"{one.resource.path}/deployments/{one.name}",
        "name": one.name,
        "type": f"{NAMESPACE}/deployments",
        "sku": {"name": one.sku, "capacity": 120},
        "systemData": _MAKER,
        "properties": {"model": model, "provisioningState": "Succeeded"},
    }
