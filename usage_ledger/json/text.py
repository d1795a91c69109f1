"""JSON as providers send it: UTF-8, perhaps with a byte order mark, perhaps with half a character."""

import re

BOM = b"\xef\xbb\xbf"
_escape = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def plain(body: bytes) -> bytes:
    """The text that decoders read: no byte order mark, and NUL for each half of a surrogate pair that is alone.

    Half a character is treated as NUL is: an id that has one is refused, a name shows U+FFFD.
    """
    text = body.removeprefix(BOM)
    if b"\\" in text and (b"\\ud" in text or b"\\uD" in text):  # one byte is found ten times as fast as three
        text = _escape.sub(lambda match: rb"\u0000" if match[1] else match[0], text)
    return text


def encoded(text: bytes) -> bytes:
    """The same text, checked to be UTF-8 throughout: decoders check only what they read.

    Raises `UnicodeDecodeError`.
    """
    text.decode()
    return text
