"""What a usage type of Bedrock's charges says: region, model, meter and class; and the families of its models.

Models of AWS's own offer: `USE1-Qwen3-32B-input-tokens-flex`, `USE1-qwen.qwen3-32b-mantle-output-tokens-standard`,
`EUC1-Nova2.0Lite-cache-read-input-token-count`. Models of the marketplace have a service each, which names the model:
`USW2-MP:USW2_CacheReadInputTokenCount_Global-Units`, newer ones `USW2-MP:USW2_cache_read_tokens_global_standard-Units`.
A line of tokens that names no class is of the standard one. Traps: provisioned throughput, guardrails, images and
searches have usage types too: none of them is tokens, and their lines keep their text alone.
Source: the public price list, offers AmazonBedrock and AmazonBedrockFoundationModels. Checked: 2026-11-29.
"""

from usage_ledger.model import Derived, Rule

USAGE_TYPE = "Keys/usage_type"
CODES = {
    "USE1": "us-east-1",
    "USE2": "us-east-2",
    "USW1": "us-west-1",
    "USW2": "us-west-2",
    "EU": "eu-west-1",
    "EUW1": "eu-west-1",
    "EUW2": "eu-west-2",
    "EUW3": "eu-west-3",
    "EUC1": "eu-central-1",
    "EUC2": "eu-central-2",
    "EUN1": "eu-north-1",
    "EUS1": "eu-south-1",
    "EUS2": "eu-south-2",
    "APN1": "ap-northeast-1",
    "APN2": "ap-northeast-2",
    "APN3": "ap-northeast-3",
    "APE1": "ap-east-1",
    "APS1": "ap-southeast-1",
    "APS2": "ap-southeast-2",
    "APS3": "ap-south-1",
    "APS4": "ap-southeast-3",
    "APS5": "ap-south-2",
    "APS6": "ap-southeast-4",
    "CAN1": "ca-central-1",
    "CAW1": "ca-west-1",
    "SAE1": "sa-east-1",
    "MES1": "me-south-1",
    "MEC1": "me-central-1",
    "AFS1": "af-south-1",
    "ILC1": "il-central-1",
    "MXC1": "mx-central-1",
    "UGW1": "us-gov-west-1",
    "UGE1": "us-gov-east-1",
}
"""Regions by the codes that usage types begin with; another code leaves the region blank."""


def lines(own: str, sold: str, of_class: str = "") -> tuple[str, str]:
    """The patterns of a usage type of tokens, of AWS's own offer and of the marketplace; `of_class` is a word of it."""
    place = r"(?i)[A-Z]{2,3}\d?" + (rf"(?=.*[-_](?:{of_class})(?:[-_]|$))" if of_class else "")
    return (
        rf"{place}-(?P<model>[a-z].*?)(?:-mantle)?-(?:{own})-tokens?(?:-count)?(?:-.*)?",
        rf"{place}(?:-MP:[A-Z0-9]+)?_(?:{sold})(?:_[a-z_]+)?-Units",
    )


WHATS = (
    ("cache-write-1h-input", r"CacheWrite1hInputToken(?:s|Count)|cache_write(?:_input)?(?:_1h_tokens|_tokens_1h)"),
    ("cache-write-input", r"CacheWriteInputToken(?:s|Count)|cache_write(?:_input)?_tokens"),
    ("cache-read-input", r"CacheReadInputToken(?:s|Count)|cache_read(?:_input)?_tokens"),
    ("input", r"InputToken(?:s|Count)|input_tokens"),
    ("output", r"(?:Output|Response)Token(?:s|Count)|output_tokens"),
)
WORDS = (
    *("cache_write_1h_tokens", "cache_write_tokens", "cached_input_tokens", "uncached_input_tokens", "output_tokens"),
)
ALL = "|".join(own for own, _ in WHATS), "|".join(sold for _, sold in WHATS)
TOKENS = lines(*ALL)
LINE = (
    Derived("model", USAGE_TYPE, (Rule(TOKENS[0], r"\g<model>"),)),
    Derived("model", "@service", (Rule(r"(.+) \((?:Amazon )?Bedrock Edition\)", r"\1"),)),
    Derived(
        "meter", USAGE_TYPE, tuple(Rule(one, word) for word, of in zip(WORDS, WHATS, strict=True) for one in lines(*of))
    ),
    Derived("batch", USAGE_TYPE, tuple(Rule(one, "true") for one in lines(*ALL, "batch"))),
    Derived(
        "service_tier",
        USAGE_TYPE,
        (
            *(Rule(one, word) for word in ("batch", "flex", "priority") for one in lines(*ALL, word)),
            *(Rule(one, "latency_optimized") for one in lines(*ALL, "latency-?_?optimized")),
            *(Rule(one, "standard") for one in TOKENS),
        ),
    ),
    Derived("variant", USAGE_TYPE, tuple(Rule(one, "global") for one in lines(*ALL, "global"))),
    Derived("region", USAGE_TYPE, tuple(Rule(rf"{code}[-_].*", region) for code, region in CODES.items())),
)
MAKER = r"(?:.*foundation-model/)?(?:(?:us|us-gov|eu|apac|jp|au|ca|global)\.)?(?:(?:[a-z-]+|ai21)\.)?"
FAMILIES = (
    Rule(r"nova(?P<size>[a-z]+)", r"nova-\g<size>"),
    Rule(r"nova(?P<version>\d)(?:\.0)?(?P<size>[a-z]+)", r"nova-\g<version>-\g<size>"),
    Rule(r"claude(?P<version>[4-9](?:\.\d)?)(?P<size>[a-z]+)", r"claude-\g<size>-\g<version>"),
    Rule(r"claude(?P<version>3(?:\.\d)?)(?P<size>[a-z]+)", r"claude-\g<version>-\g<size>"),
    Rule(MAKER + r"(?P<model>llama.+?)(?:-instruct)?(?:-v1)?(?::\d+)?", r"\g<model>"),
    Rule(MAKER + r"(?P<model>.+)-\d:\d+", r"\g<model>"),
    Rule(MAKER + r"(?P<model>.+?)(?:-\d{8})?(?:-v1|(?P<later>-v\d+))?(?::[\w:]+)?", r"\g<model>\g<later>"),
)
"""An id has its maker, a date and a version, a usage type has none of them, or runs its words together."""
