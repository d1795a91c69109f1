"""Whether a message is one that a person can read."""

import re

LONGEST = 1200
"""Characters of a whole message: what happened, five sample rows, where, and what to do next."""
INTERNAL = re.compile(
    r"\b(?:httpx|httpcore|h11|msgspec|psycopg2|sqlalchemy|pydantic|pyarrow|great_expectations|expect_\w+|Traceback"
    r"|[A-Z]\w*(?:Error|Exception|Timeout))\b|Expected `|\$\.|\bNone\b|<class|object at 0x|\[Errno"
)


def faults_of(message: str) -> list[str]:
    """What a person need not read in it: classes of libraries, tracebacks, a second line, too many characters."""
    faults = [match[0] for match in INTERNAL.finditer(message)]
    faults += ["a second line"] if "\n" in message else []
    faults += [f"{len(message)} characters"] if len(message) > LONGEST else []
    return faults
