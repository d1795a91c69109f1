"""What the text of a Google SKU says: model, direction, modality and class, by rules that are regular expressions.

The export has no column for any of them. The statement in `google_vertex_sql.py` asks for each text in lower case, with
one dash between its words: `gemini-2.5-flash-ga-text-input-predictions`. A model is what remains of a text once every
word of the closed sets below is taken off.

Tokens are counted only where the text says token, or is of the Gemini forms `… Predictions` and `… Caching`, and where
the unit is `count`. Traps: characters and images are billed by `count` too; Gemini 1 was billed by the character; what
is stored of a cache is billed by the hour. A text that no rule knows has its cost and no tokens, and is reported.
Sources: https://cloud.google.com/skus/sku-groups/gen-ai-v2 and texts of the public price list. Checked: 2026-11-28.
"""

from usage_ledger.model import Matches, Meter, Rule

PREFIX = r"(?:cloud-vertex-ai-model-garden-model-as-a-service-|ai-dev-tools-)?"
"""An output's text may have it where the input's has none: with it, one model would be two."""
MODEL = r"(?P<model>[a-z][a-z0-9.-]*?)"
GEMINI = r"(?P<model>gemini-(?!1\.)[a-z0-9.-]*?)"
PLACE = r"(?:-(?:ga|global|regional|non-global))*"
CLASS = r"(?:-(?:long|short|context|priority|flex|batch|offpeak|standard|with))*"
KIND = r"(?:-(?:text|audio|image|video))?"
COUNT = r"-tokens?(?:-count)?"
IN = rf"(?:{KIND}-input|-input{KIND})"
OF_GEMINI, OF_ANY = rf"{GEMINI}{PLACE}{CLASS}", rf"(?!.*-tuning){PREFIX}{MODEL}{PLACE}{CLASS}"
WRITE, SECONDS = rf"{OF_ANY}-input-cache-write{COUNT}(?:-long-and)?-ttl", "seconds"

FRESH = (rf"{OF_GEMINI}{IN}{CLASS}-predictions{CLASS}", rf"(?!.*-cach){OF_ANY}{KIND}-input{COUNT}{CLASS}")
CACHED = (
    rf"{OF_GEMINI}{IN}-caching{CLASS}(?:-predictions)?",
    rf"{OF_ANY}-(?:cached|cache-read|cache-hit){KIND}-input{COUNT}{CLASS}",
    rf"{OF_ANY}{KIND}-input-cache-read{COUNT}{CLASS}",
)
WRITTEN_5M, WRITTEN_1H = (rf"{WRITE}-300-{SECONDS}",), (rf"{WRITE}-3600-{SECONDS}",)
OUTPUT = (
    rf"{OF_GEMINI}(?:-thinking)?{KIND}-output(?:-thinking-(?:on|off))?{CLASS}-predictions{CLASS}",
    rf"{OF_ANY}(?:-thinking)?{KIND}-output{COUNT}{CLASS}",
)
CHARACTERS = (
    rf"{OF_ANY}-(?:input|output)-characters?",
    rf"(?P<model>gemini-1\.[a-z0-9.-]*?){PLACE}-text-(?:input|output){CLASS}-predictions{CLASS}",
)
IMAGES = (r"(?P<model>imagen-[0-9a-z.]+)-(?:[a-z-]+-)?generation(?:-output)?",)
STORED = (rf"{OF_GEMINI}{IN}-caching-storage{CLASS}",)
THINKS = r"(?=.*-thinking(?:-|$))(?!.*-thinking-off(?:-|$))"
"""Before a pattern of output: of thinking alone."""
INPUT = (*FRESH, *CACHED, *WRITTEN_5M, *WRITTEN_1H)
TOKENS = (*INPUT, *OUTPUT)

OTHERS = (
    ("storage", r".*-storage(?:-.*)?"),
    ("dedicated", r".*(?:provisioned-throughput|(?:custom|online|batch)-prediction-[a-z0-9]+-).*"),
    ("training", r".*(?:custom-training|-tuning)(?:-.*)?"),
    ("tool", r"grounding-.*|.*-(?:search-quer(?:y|ies)|ranking-requests?)(?:-.*)?"),
    ("agent", r"agent-platform-.*"),
    ("", r"(?:veo|lyria|vector-search|pipelines|feature-store|colab|workbench)-.*|number-of-videos-.*"),
)
"""What is billed in other units than tokens, and the usage type of it."""


def any_of(*patterns: str, kind: str = "", of: str = "regular count ") -> str:
    """One pattern of all, after the `of` that a row's text begins with; `kind` is what stands next to the direction."""
    near = rf"(?=.*-(?:{kind}(?:-cached)?-(?:input|output)|input-{kind})(?:-|$))" if kind else ""
    # A group's name may stand once in a pattern; which model it is, is read from the text alone.
    texts = "|".join(patterns).replace("?P<model>", "?:")
    return rf"{of}{near}(?:{texts})"


def meter(column: str, *patterns: str, kind: str = "") -> Meter:
    """A meter of the rows whose SKU is of one of these forms."""
    where = Matches("usage_text", any_of(*patterns, kind=kind))
    return Meter(column, "usage_amount", "decimal", where=where)


METERS = (
    meter("input_tokens", *INPUT),
    meter("cached_input_tokens", *CACHED),
    meter("cache_write_tokens", *WRITTEN_5M, *WRITTEN_1H),
    meter("cache_write_1h_tokens", *WRITTEN_1H),
    meter("audio_input_tokens", *INPUT, kind="audio"),
    meter("image_input_tokens", *INPUT, kind="image"),
    meter("cached_audio_input_tokens", *CACHED, kind="audio"),
    meter("cached_image_input_tokens", *CACHED, kind="image"),
    meter("output_tokens", *OUTPUT),
    meter("reasoning_tokens", *(THINKS + pattern for pattern in OUTPUT)),
    meter("audio_output_tokens", *OUTPUT, kind="audio"),
    meter("image_output_tokens", *OUTPUT, kind="image"),
    meter("characters", *CHARACTERS),
    meter("images", *IMAGES),
)
COUNTED = any_of(*TOKENS, *CHARACTERS, *IMAGES)
OTHER_ROWS = rf"(?!regular ).*|{any_of(*(pattern for _, pattern in OTHERS), of='regular [^ ]* ')}"
"""Rows that are known to count nothing that the ledger has a meter for: taxes, adjustments, hours, months."""
MODELS = tuple(Rule(pattern, r"\g<model>") for pattern in (*TOKENS, *CHARACTERS, *IMAGES, *STORED))
KINDS = (
    Rule(any_of(*TOKENS, *CHARACTERS, of=""), "serverless"),
    Rule(any_of(*IMAGES, of=""), "image"),
    *(Rule(pattern, kind) for kind, pattern in OTHERS),
)
BILLED = (
    *(
        ("cached_audio_input_tokens", any_of(*CACHED, kind="audio")),
        ("audio_input_tokens", any_of(*FRESH, kind="audio")),
    ),
    *(
        ("cached_image_input_tokens", any_of(*CACHED, kind="image")),
        ("image_input_tokens", any_of(*FRESH, kind="image")),
    ),
    *(("cached_input_tokens", any_of(*CACHED)), ("cache_write_1h_tokens", any_of(*WRITTEN_1H))),
    *(("cache_write_tokens", any_of(*WRITTEN_5M)), ("uncached_input_tokens", any_of(*FRESH))),
    *(("audio_output_tokens", any_of(*OUTPUT, kind="audio")), ("image_output_tokens", any_of(*OUTPUT, kind="image"))),
    *(("output_tokens", any_of(*OUTPUT)), ("characters", any_of(*CHARACTERS)), ("images", any_of(*IMAGES))),
    ("web_searches", any_of("grounding-with-google-search.*|.*-search-quer(?:y|ies)(?:-.*)?")),
)
CHARGED = tuple(Rule(pattern, word) for word, pattern in BILLED)
"""What a row of money charges for, by its `usage_text`; taxes and adjustments charge for nothing."""
BOUGHT = (Rule("regular [^ ]* .*provisioned-throughput.*", "Purchase"),)
TIERS = (Rule(r".*-(priority|flex|offpeak)(?:-.*)?", r"\1"),)
BATCH = (Rule(r".*-batch(?:-.*)?", "true"),)
CONTEXTS = (Rule(r".*-long(?:-.*)?", "long"),)
COLUMNS = (("model", MODELS), ("service_tier", TIERS), ("context_window", CONTEXTS), ("usage_type", KINDS))
"""Columns of usage and of money, and the rules by which a text gives their values."""
