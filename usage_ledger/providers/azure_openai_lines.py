"""What a meter's name says of a charge of Azure's: model, direction, cached or not, modality, class and unit.

Read on the public price list: `gpt 4o 1120 cached Inp glbl Tokens`, `GPT 5 Mini cchd Inpt Glbl 1M Tokens`,
`gpt 4o 1120 Batch Inp regnl Tokens`, `gpt rt aud 0828 Outp DZone Tokens`, `5.6 sol LongCo Cd Wr PP DZ 1M Tokens`:
model, context, batch, modality, cached, direction, class, reach, unit. A class of deployment has the name that it
has in the list of deployments, so that a charge is compared with those that it is for. A meter that does not say `1M`
counts thousands. Provisioned units, images, characters and hours keep their text alone. Checked: 2026-11-29.
"""

from usage_ledger.model import Derived, Rule

METER = "Meter"
IN, OUT = r"[ -](?:inp|inpt|input)", r"[ -](?:outp|outpt|output|opt|out)"
CACHED, WRITTEN = r" (?:cached|cache|cach|cchd|cd|ch)", r" (?:cached|cache|cd) (?:wr|write)"
TEXT, AUDIO, IMAGE = (rf" (?:{word})(?: \d{{4}})?" for word in ("txt|text", "aud|audio", "img|image"))
BATCH, LONG, PRIORITY, FLEX = r" (?:batch|bat)", r" (?:long|lo)co", r" pp", r" (?:fl|flex)"
GLOBAL, ZONE, REGION = r" (?:glbl|gl|global)", r" (?:dzone|dz|data zone)", r" (?:regnl|rgnl|regional|reg)"
EACH = f"(?:{CACHED})?{IN}|{WRITTEN}|{OUT}"


def tokens(
    what: str = EACH,
    kind: str = f"(?:{TEXT}|{AUDIO}|{IMAGE})?",
    batch: str = f"(?:{BATCH})?",
    context: str = f"(?:{LONG}| (?:short|sh)co)?",
    of_class: str = f"(?: std|{PRIORITY}|{FLEX})?",
    reach: str = f"(?:{GLOBAL}|{ZONE}|{REGION})?",
    unit: str = "(?: 1m)?",
) -> str:
    """The pattern of a meter of tokens: each part as it must be, or any that it may have."""
    return rf"(?i)(?P<model>.+?){context}{batch}{kind}(?:{what}){of_class}{reach}{unit} tokens?"


METERS = (
    *(Rule(tokens(what, AUDIO), word) for what, word in ((IN, "audio_input_tokens"), (OUT, "audio_output_tokens"))),
    *(Rule(tokens(what, IMAGE), word) for what, word in ((IN, "image_input_tokens"), (OUT, "image_output_tokens"))),
    Rule(tokens(CACHED + IN, AUDIO), "cached_audio_input_tokens"),
    Rule(tokens(CACHED + IN, IMAGE), "cached_image_input_tokens"),
    Rule(tokens(WRITTEN), "cache_write_tokens"),
    Rule(tokens(CACHED + IN), "cached_input_tokens"),
    Rule(tokens(IN), "uncached_input_tokens"),
    Rule(tokens(OUT), "output_tokens"),
)
SKUS = tuple(
    Rule(tokens(batch=batch, reach=reach), place + name)
    for batch, name in ((BATCH, "Batch"), ("", "Standard"))
    for reach, place in ((GLOBAL, "Global"), (ZONE, "DataZone"), (REGION, ""))
)
LINE = (
    Derived("model", METER, (Rule(tokens(), r"\g<model>"),)),
    Derived("meter", METER, METERS),
    Derived("batch", METER, (Rule(tokens(batch=BATCH), "true"),)),
    Derived(
        "service_tier", METER, (Rule(tokens(of_class=PRIORITY), "priority"), Rule(tokens(of_class=FLEX), "flex"), *SKUS)
    ),
    Derived("context_window", METER, (Rule(tokens(context=LONG), "long"),)),
    Derived("unit", METER, (Rule(tokens(unit=" 1m"), "1M tokens"), Rule(tokens(), "1K tokens"))),
)
FAMILIES = (
    Rule(r"gpt[ -]rt(?P<more>.*?)(?:[ -]\d{4})?", r"gpt-realtime\g<more>"),
    Rule(r"(?P<model>(?:gpt|o\d).*)[ -](?:0[1-9]|1[0-2])[0-3]\d", r"\g<model>"),
)
"""A meter's name may hold month and day of the version, which usage has in a column of its own."""
