"""A large body, compressed: in memory while it is small, else in an anonymous temporary file."""

import hashlib
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, cast

import zstandard

from usage_ledger.json.text import has_at_sign

LEVEL = 3
MEMORY = 4 * 2**20
LONGEST_SIGN = 6
"""Bytes of an escaped at sign, which two chunks may share."""
READ_SIZE = 128 * 1024
STEP = 128
"""Compressed bytes to unpack at once. A zstd block of four bytes may hold 128 KiB: this bounds a piece to 4 MiB."""


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
        return unpacked(self.file())


def unpacked(file: IO[bytes]) -> Iterator[bytes]:
    """The contents of a zstd frame, in pieces. Raises `zstandard.ZstdError` when it is damaged or cut."""
    inflater = zstandard.ZstdDecompressor().decompressobj()
    while chunk := file.read(READ_SIZE):
        for at in range(0, len(chunk), STEP):
            if text := inflater.decompress(chunk[at : at + STEP]):
                yield text
    if not inflater.eof:
        raise zstandard.ZstdError("the frame is cut off")
