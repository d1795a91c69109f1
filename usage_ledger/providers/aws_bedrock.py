"""AWS Bedrock: tokens, calls and images by model, region and namespace, from CloudWatch; charges from Cost Explorer.

Measures: daily sums of the metrics of `AWS/Bedrock` (Converse, InvokeModel) and of `AWS/BedrockMantle` (the endpoint of
the OpenAI and Anthropic interfaces); neither has the other's traffic. Charges are those of every service of the account
whose name holds "Bedrock": models of other makers are sold under names of their own.
Grain: a UTC day x the region that was called (a cross-region profile may run elsewhere) x namespace (`operation`) x
model id as called (`variant`) x project; `model` is the foundation model, where the id says it. An application profile
has an id that does not, and a name in `ledger.name`. Charges: a UTC day x service x usage type; credits, taxes and
discounts are rows of their own (`charge_category`). Region, model, meter and class of a charge are read from its usage
type, by the rules in `aws_bedrock_lines.py`, and the model of a marketplace's charge from the name of its service.
Units: tokens, calls and images as whole numbers; dollars as decimals. The quantity of a charge is in thousands or
millions of tokens, as its `unit` says, and never a count of tokens.
Token meaning: input includes what was read from and written to the prompt cache, which CloudWatch counts apart. Both
spellings of those metrics are read; where both tell of one model and day, `CacheReadInputTokens` counts, and that is
reported.
Not given: users, keys and tags (an application profile each tells callers apart); failed and throttled calls, which are
no invocations; whether batch inference is counted is not documented. Regions of China and GovCloud are not reached.
Limits: 500 metrics a request; sums of 455 days; charges of 13 months. CloudWatch lists a metric for two weeks after its
last point: windows that are older ask for every metric of what it lists, and of every foundation model and inference
profile of a region.
Lag: minutes, seldom up to two days, so three days are read again. Charges are estimates until their month is closed:
run its dates once more after that.
Cost of asking: 0.01 USD for 1,000 metrics of CloudWatch, and 0.01 USD a page of Cost Explorer: a run asks for one with
the names of the services, and one for each service. Leave `cost` out of the YAML's `reports` to save it.
The record: tokens are those of `usage`, money is that of `cost`.
Rights: the policy below, on the user or role. Without its second part leave `cost` out of `reports`; without its third
part names are missing, and windows older than two weeks lack models that are at rest. To read with a role of another
account, give the role the trust policy below, and the connection `role_arn` and `external_id`. On EKS the worker's own
role is used by `credential: machine`.
Source: https://docs.aws.amazon.com/bedrock/latest/userguide/monitoring-runtime-metrics.html. Last checked: 2026-11-28.
"""

from usage_ledger import model as m
from usage_ledger.providers.aws_bedrock_costs import COST
from usage_ledger.providers.aws_bedrock_lines import FAMILIES
from usage_ledger.providers.aws_bedrock_metrics import USAGE
from usage_ledger.providers.aws_bedrock_models import NAMES
from usage_ledger.providers.refusals import AWS_BEDROCK as REFUSALS

CALLER = m.Request(
    "/",
    (("Action", "GetCallerIdentity"), ("Version", "2011-06-15")),
    accept="application/json, text/xml",
    audience="sts/us-east-1",
)
AWS_BEDROCK = m.Provider(
    name="aws_bedrock",
    title="AWS Bedrock",
    seller=m.Seller("Amazon Web Services", "Amazon Bedrock"),
    base_url="https://sts.amazonaws.com",
    hosts=(
        *("sts.amazonaws.com", "ce.us-east-1.amazonaws.com"),
        *("monitoring.{region}.amazonaws.com", "bedrock.{region}.amazonaws.com"),
    ),
    accounts=m.Listing(
        CALLER, "GetCallerIdentityResponse/GetCallerIdentityResult", id="Account", label="account", single=True
    ),
    account=m.Setting("account", "Account", "The account's number, twelve digits.", r"[0-9]{12}"),
    requests_per_minute=600,
    docs="https://docs.aws.amazon.com/bedrock/latest/userguide/monitoring-runtime-metrics.html",
    key_help="the secret access key of a user or role that has the rights on this provider's page",
    auth=m.SigV4(),
    settings=(
        m.Setting(
            "access_key_id",
            "Access key id",
            "The id that belongs to the secret access key, AKIA… or ASIA….",
            r"[A-Z0-9]{16,128}",
            required=True,
            part_of_key=True,
        ),
        m.Setting(
            "session_token",
            "Session token",
            "Of temporary keys alone.",
            r"[A-Za-z0-9+/=]{1,4096}",
            secret=True,
            part_of_key=True,
        ),
        m.Setting(
            "role_arn",
            "Role",
            "The ARN of a role to assume with the key, in the account that is read.",
            r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,576}",
        ),
        m.Setting(
            "external_id",
            "External id",
            "What the role's trust policy requires as sts:ExternalId.",
            r"[A-Za-z0-9+=,.@:/_-]{2,1224}",
        ),
        m.Setting(
            "regions",
            "Regions",
            "Every region that is called: eu-central-1, us-east-1.",
            r"[a-z]{2}(-[a-z]+)+-[0-9]",
            repeated=True,
            required=True,
        ),
    ),
    refusals=REFUSALS,
    error_messages=(
        *("message", "Message", "error/message", "Error/Message"),
        *("ErrorResponse/Error/Message", "ErrorResponse/Errors/Error/Message"),
    ),
    error_codes=("Error/Code", "ErrorResponse/Error/Code", "ErrorResponse/Errors/Error/Code"),
    reports=(USAGE, COST, NAMES),
    families=FAMILIES,
)
