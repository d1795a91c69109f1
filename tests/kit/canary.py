"""Looks for a key wherever it might have got to, in twelve forms."""

import base64
import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pyarrow.parquet as pq
import zstandard


def forms(key: str) -> dict[str, bytes]:
    """The key as it would look: plain, in a header, encoded, quoted, cut; in base64 amid other text."""
    raw = key.encode()
    return {
        "plain": raw,
        "bearer": b"Bearer " + raw,
        "url": quote(key, safe="").encode(),
        "url plus": quote_plus(key).encode(),
        **{f"base64 at {offset}": base64.b64encode(b"user:x"[: 3 + offset] + raw + b"tail") for offset in range(3)},
        "json": json.dumps(key)[1:-1].encode(),
        "repr": repr(key)[1:-1].encode(),
        "bytes repr": repr(raw)[2:-1].encode(),
        "hex": raw.hex().encode(),
        "prefix": raw[:12],
    }


def needle(name: str, form: bytes) -> bytes:
    """What of a form is looked for: of base64 the middle, which does not depend on what stands around the key."""
    return form[8:-8] if name.startswith("base64") else form


def hits(data: bytes, key: str) -> list[str]:
    """The forms of the key that the data hold."""
    return [name for name, form in forms(key).items() if needle(name, form) in data]


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder: as it is, unpacked, and Parquet's rows as text."""
    for path in sorted(folder.rglob("*")):
        try:
            if not path.is_file() or path.is_socket():
                continue
            data = path.read_bytes()
        except OSError:
            continue
        yield str(path), data
        if path.suffix == ".zst":
            yield f"{path} unpacked", zstandard.ZstdDecompressor().decompressobj().decompress(data)
        elif path.suffix == ".gz":
            yield f"{path} unpacked", gzip.decompress(data)
        elif path.suffix == ".parquet":
            values = (value for column in pq.read_table(path).columns for value in column.to_pylist())
            yield f"{path} rows", "\n".join(map(str, values)).encode()


def leaks(places: Iterable[tuple[str, bytes]], key: str) -> list[tuple[str, list[str]]]:
    """The places that hold the key, and in which forms."""
    return [(where, forms) for where, data in places if (forms := hits(data, key))]
