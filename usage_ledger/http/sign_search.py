"""Whether a large body may hold one of some short texts: one pass over it, however many they are."""

from collections.abc import Iterable

import numpy as np

WORD = 4
"""Bytes that are compared at once: those of a text that lie on a multiple of four in the body."""
SHORTEST = 2 * WORD - 1
"""Bytes of a text that has a whole word wherever it lies."""
IGNORE_CASE = np.uint32(0x20202020)
"""Bits without which an ASCII letter has no case; other characters only become more alike."""
SPREAD = np.uint32(0x9E3779B1)
"""An odd factor that moves all bits of a word into its upper half."""
HALF = np.uint32(16)
Words = np.ndarray[tuple[int], np.dtype[np.uint32]]


class SignSearch:
    """Looks for texts in lower case, whatever the case of a body's ASCII letters."""

    def __init__(self, signs: Iterable[bytes]) -> None:
        self._signs = tuple(signs)
        self._short = [sign for sign in self._signs if len(sign) < SHORTEST]
        self._longest = max(map(len, self._signs), default=0)
        # The last word of each: what keys of a kind have in common is in front.
        ends = [sign[-SHORTEST:] for sign in self._signs if len(sign) >= SHORTEST]
        words = _words(b"".join(end[at : at + WORD] for end in ends for at in range(WORD)))
        self._words = set(words.tolist())
        self._is_word = np.zeros(2**16, bool)
        self._is_word[_hashes(words)] = True

    def may_hold(self, body: bytes) -> bool:
        """False only where none of the texts is in the body."""
        if self._short and _any_in(body.lower(), self._short):
            return True
        words = _words(body)
        (alike,) = self._is_word[_hashes(words)].nonzero()
        for number, word in zip(alike.tolist(), words[alike].tolist(), strict=True):
            if word in self._words and self._is_around(body, WORD * number):
                return True
        return False

    def _is_around(self, body: bytes, place: int) -> bool:
        return _any_in(body[max(0, place - self._longest) : place + self._longest].lower(), self._signs)


def _words(body: bytes) -> Words:
    """The words of a body, equal where they differ in case alone."""
    return np.frombuffer(body, np.uint32, len(body) // WORD) | IGNORE_CASE


def _hashes(words: Words) -> Words:
    """A number below 2^16 for each word."""
    hashes = words * SPREAD
    hashes >>= HALF
    return hashes


def _any_in(text: bytes, signs: Iterable[bytes]) -> bool:
    return any(sign in text for sign in signs)
