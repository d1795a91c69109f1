"""What is wrong with a JSON document, in words for people."""

import re

KINDS = {
    "int": "a whole number",
    "float": "a number with a fraction",
    "str": "a string",
    "bool": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object",
}
_expected = re.compile(r"Expected `([^`]*)`, got `([^`]*)`(?: - at `([^`]*)`)?")
_place = re.compile(r" - at `([^`]*)`")


def problem_of(error: Exception | str) -> str:
    """msgspec's text as a sentence: "`data.results.amount` is a string, not a whole number or null"."""
    text = str(error)
    if match := _expected.fullmatch(text):
        expected, sent, path = match.groups()
        *others, last = [KINDS.get(kind, kind) for kind in expected.split(" | ")]
        kinds = f"{', '.join(others)} or {last}" if others else last
        return f"{_named(path or '$')} is {KINDS.get(sent, sent)}, not {kinds}"
    return _place.sub(lambda match: f" ({_named(match[1])})", text)


def _named(path: str) -> str:
    """A path for people: `$.data[...].amount` is `data.amount`; the number of an element stays."""
    name = path.removeprefix("$").lstrip(".").replace("[...]", "")
    return f"`{name}`" if name else "the answer"
