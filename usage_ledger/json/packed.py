"""Bytes too many to hold: kept compressed, in memory while that is little, else in a file without a name."""

import hashlib
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, cast

import zstandard

LEVEL = 3
HELD = 4 * 2**20
READ_SIZE = 128 * 1024
STEP = 128
"""Compressed bytes to unpack at once. A zstd block of four bytes may hold 128 KiB: this bounds a piece to 4 MiB."""


class Packed:
    """What was added, once `close` was called; nobody else can open it, and it ends with this object."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=HELD)  # noqa: SIM115  it lives as long as this object
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, threads=1).compressobj()
        self._hash = hashlib.sha256()
        self._size = 0

    def add(self, chunk: bytes) -> None:
        """More of it."""
        self._hash.update(chunk)
        self._size += len(chunk)
        self._file.write(self._compressor.compress(chunk))

    def close(self) -> None:
        """That was all."""
        self._file.write(self._compressor.flush())

    def __len__(self) -> int:
        """Bytes that were added."""
        return self._size

    @property
    def sha256(self) -> str:
        """Of the bytes that were added."""
        return self._hash.hexdigest()

    def file(self) -> IO[bytes]:
        """The zstd frame, from its beginning."""
        self._file.seek(0)
        return cast(IO[bytes], self._file)

    def __bytes__(self) -> bytes:
        return b"".join(self.chunks())

    def chunks(self) -> Iterator[bytes]:
        """What was added, piece by piece."""
        return unpacked(self.file())


def unpacked(file: IO[bytes]) -> Iterator[bytes]:
    """What a zstd frame holds, piece by piece. Raises `zstandard.ZstdError` when it is damaged or cut."""
    inflater = zstandard.ZstdDecompressor().decompressobj()
    while chunk := file.read(READ_SIZE):
        for at in range(0, len(chunk), STEP):
            if text := inflater.decompress(chunk[at : at + STEP]):
                yield text
    if not inflater.eof:
        raise zstandard.ZstdError("the frame is cut off")
