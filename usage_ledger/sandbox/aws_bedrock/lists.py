"""Who the key belongs to, the inference profiles of a region, and the foundation models that it offers."""

from usage_ledger.sandbox.aws_bedrock.account import RUNTIME, Profile
from usage_ledger.sandbox.aws_bedrock.opened import Opened
from usage_ledger.sandbox.aws_bedrock.queries import refusal
from usage_ledger.sandbox.kit.account import name_at
from usage_ledger.sandbox.kit.paging import page_token, parts_of_token
from usage_ledger.sandbox.kit.queries import parse_whole
from usage_ledger.sandbox.kit.serving import Call, Json
from usage_ledger.sandbox.kit.slots import rfc3339


def caller_identity(call: Call[Opened]) -> Json:
    """STS, in the form that it has for those who accept JSON alone."""
    if call.params.get("Action") != "GetCallerIdentity":
        raise refusal("InvalidAction", f"Could not find operation {call.params.get('Action')} for version NO_VERSION")
    account = call.truth.account_id
    who = {"Account": account, "Arn": f"arn:aws:iam::{account}:user/usage-ledger", "UserId": "AIDAUSAGELEDGER"}
    return {
        "GetCallerIdentityResponse": {
            "GetCallerIdentityResult": who,
            "ResponseMetadata": {"RequestId": "01234567-89ab-cdef-0123-456789abcdef"},
        }
    }


def inference_profiles(call: Call[Opened]) -> Json:
    """The profiles of one kind, or of the system's where none is asked for."""
    call.truth.require("bedrock:ListInferenceProfiles")
    kind = call.params.get("type", "SYSTEM_DEFINED")
    size = parse_whole(call.params.get("maxResults", "100"), 1, 1000)
    token = call.params.get("nextToken")
    start = parse_whole((parts_of_token(token) or [""])[0], 1, 10**6) if token else 0
    if kind not in ("SYSTEM_DEFINED", "APPLICATION") or size is None or start is None:
        raise refusal("ValidationException", "The provided request is not valid")
    profiles = [
        _described(call, profile)
        for profile in call.truth.truth.profiles
        if profile.region == call.truth.region and profile.kind == kind
    ]
    answer: Json = {"inferenceProfileSummaries": profiles[start : start + size]}
    if start + size < len(profiles):
        answer["nextToken"] = page_token(start + size)
    return answer


def _described(call: Call[Opened], profile: Profile) -> Json:
    kind = "application-inference-profile" if profile.kind == "APPLICATION" else "inference-profile"
    place = f"arn:aws:bedrock:{profile.region}"
    return {
        "inferenceProfileName": name_at(profile.names, call.now),
        "createdAt": rfc3339(profile.created_at),
        "updatedAt": rfc3339(profile.created_at),
        "inferenceProfileArn": f"{place}:{call.truth.account_id}:{kind}/{profile.profile_id}",
        "models": [{"modelArn": f"{place}::foundation-model/{model}"} for model in profile.models],
        "inferenceProfileId": profile.profile_id,
        "status": "ACTIVE",
        "type": profile.kind,
    }


def foundation_models(call: Call[Opened]) -> Json:
    """The models that a region offers, the retired ones too."""
    call.truth.require("bedrock:ListFoundationModels")
    models = dict.fromkeys(
        caller.base_model
        for caller in call.truth.truth.callers
        if caller.region == call.truth.region and caller.namespace == RUNTIME and caller.base_model
    )
    place = f"arn:aws:bedrock:{call.truth.region}::foundation-model"
    summaries = []
    for model in models:
        maker, _, name = model.partition(".")
        names = {"modelId": model, "modelName": name[:20], "providerName": maker}
        summaries.append({"modelArn": f"{place}/{model}", **names})
    return {"modelSummaries": summaries}
