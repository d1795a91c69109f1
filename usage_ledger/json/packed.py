"""A large body, compressed: in memory while it is small, else in an anonymous temporary file."""

import hashlib
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, cast

import zstandard

from usage_ledger.json.places import Place
from usage_ledger.json.text import has_at_sign

LEVEL = 3
MEMORY = 4 * 2**20
LONGEST_SIGN = 6
"""Bytes of an escaped at sign, which two chunks may share."""
PIECE = 2**20
"""Bytes that are unpacked at once."""


class Packed:
    """Bytes added piece by piece, complete after `close`; the temporary file is removed with this object."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=MEMORY)  # noqa: SIM115  it lives as long as this object
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, threads=1).compressobj()
        self._hash = hashlib.sha256()
        self._size = 0
        self._last = b""
        self.has_at_sign = False
        """Whether an e-mail address can be in it; see `has_at_sign`."""
        self.places: list[Place] = []
        """Where its parts lie; empty where nobody has looked, or there are too many."""

    def add(self, chunk: bytes) -> None:
        """Append bytes."""
        if not self.has_at_sign:
            self.has_at_sign = has_at_sign(chunk) or has_at_sign(self._last + chunk[:LONGEST_SIGN])
            self._last = chunk[-LONGEST_SIGN:]
        self._hash.update(chunk)
        self._size += len(chunk)
        self._file.write(self._compressor.compress(chunk))

    def close(self) -> None:
        """End the frame; nothing can be added any more."""
        self._file.write(self._compressor.flush())

    def __len__(self) -> int:
        """Size in bytes, uncompressed."""
        return self._size

    @property
    def sha256(self) -> str:
        """Hash of the uncompressed bytes, hexadecimal."""
        return self._hash.hexdigest()

    def file(self) -> IO[bytes]:
        """The zstd frame, from its beginning."""
        self._file.seek(0)
        return cast(IO[bytes], self._file)

    def __bytes__(self) -> bytes:
        return b"".join(self.chunks())

    def chunks(self) -> Iterator[bytes]:
        """The uncompressed bytes, in pieces."""
        return unpacked(self.file(), self._size)


def unpacked(file: IO[bytes], size: int) -> Iterator[bytes]:
    """The contents of a zstd frame, in pieces. Raises `zstandard.ZstdError` unless they are of that size."""
    left = size
    with zstandard.ZstdDecompressor().stream_reader(file, closefd=False) as reader:
        while piece := reader.read(PIECE):
            left -= len(piece)
            yield piece
            if left < 0:
                break
    if left:  # the reader takes a frame that is cut off for one that ends
        raise zstandard.ZstdError("the frame does not hold what was put into it")
