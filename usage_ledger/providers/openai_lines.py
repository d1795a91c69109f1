"""What the text of a line of OpenAI's costs says: model, meter, size, class of service and length of context.

No list of these texts is published. Read in answers: `gpt-5.5-2026-04-23, cached input`; `gpt-audio-mini-2025-12-15
audio, input`, with a modality; `priority | gpt-5.6-sol, output, long context`, with a class. A model is the first word;
tools and stores are named without one. A line of another form keeps its text alone. What is bought, such as a bundle,
has no quantity. Checked: 2026-11-29.
"""

from usage_ledger.model import Derived, Rule

MODEL = r"(?P<model>[^\s,|]+)"
CLASS, AFTER = r"(?i)(?:[a-z ]+ \| )?", r"(?: (?:batch|flex|priority))?"
TEXT, ANY_KIND, END = r"(?: text)?", r"(?: text| audio| image)?", r"(?:, (?:long|short) context)?"
SIZE = r"(?:[a-z]+, )?(?P<size>\d+x\d+)(?:, [a-z]+)?"
FRESH, CACHED, OUT = "input", "cached input", "output"


def line(what: str, kind: str = TEXT, model: str = MODEL) -> str:
    """The pattern of a line of a model, and of a modality where it says one."""
    return rf"{CLASS}{model}{AFTER}{kind}, (?:{what}){END}"


OF_TEXT = (
    *((FRESH, "uncached_input_tokens"), (CACHED, "cached_input_tokens"), (OUT, "output_tokens")),
    *(("(?:input )?cache writes?|cache write input", "cache_write_tokens"), ("(?:.+ )?training", "training_tokens")),
    *((f"{SIZE}|images?", "images"), ("characters", "characters"), ("duration|audio", "audio_seconds")),
)
OF_AUDIO = ((FRESH, "audio_input_tokens"), (CACHED, "cached_audio_input_tokens"), (OUT, "audio_output_tokens"))
OF_IMAGE = ((FRESH, "image_input_tokens"), (CACHED, "cached_image_input_tokens"), (OUT, "image_output_tokens"))
TOOL = r"(?i)(?:[^\s,|]+, )?"
METERS = (
    Rule(line("duration|video", model=r"sora[^\s,|]*"), "video_seconds"),
    *(Rule(line(what), meter) for what, meter in OF_TEXT),
    *(Rule(line(what, " audio"), meter) for what, meter in OF_AUDIO),
    *(Rule(line(what, " image"), meter) for what, meter in OF_IMAGE),
    Rule(rf"{TOOL}web search(?: preview)? (?:tool )?calls?", "web_searches"),
    Rule(rf"{TOOL}file search (?:tool )?calls?", "tool_calls"),
    Rule(r"(?i)code interpreter sessions?", "sessions"),
    Rule(r"(?i)(?:file search|vector) storage", "storage_byte_hours"),
)
BATCH = r"(?i)batch \| .*|[^,|]+ batch(?: [a-z]+)?, .*"
TIER = r"(?i)(?:(?P<tier>priority|flex) \| .*|[^,|]+ (?P<after>priority|flex)(?: [a-z]+)?, .*)"
LINE = (
    Derived("meter", "line_item", METERS),
    Derived("model", "line_item", (Rule(line(".+?", ANY_KIND), r"\g<model>"),)),
    Derived("variant", "line_item", (Rule(line(SIZE), r"\g<size>"),)),
    Derived("batch", "line_item", (Rule(BATCH, "true"),)),
    Derived("service_tier", "line_item", (Rule(TIER, r"\g<tier>\g<after>"),)),
    Derived("context_window", "line_item", (Rule(r"(?i).*, (long) context", r"\1"),)),
)
