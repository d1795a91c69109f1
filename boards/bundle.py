"""Zip boards/superset for Superset's import: `python boards/bundle.py boards.zip --address URI`.

The address is SQLAlchemy's of the warehouse, without its password: Superset asks for that when it imports. It needs no
library.
"""

import argparse
import io
import re
import zipfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "superset"
DATABASE = "databases/usage_ledger.yaml"
MASK = "XXXXXXXXXX"
"""What Superset reads as: the password is asked for."""


def zip_of(address: str, *, update: bool = False) -> bytes:
    """The bundle, for the warehouse at an address without a password. Raises `ValueError` for one that has one.

    Superset's import of boards leaves the charts and datasets that it has as they are: to `update` them, its import of
    assets takes the same files under another type.
    """
    with_mask = re.sub(r"^(postgresql(?:\+psycopg2)?://[^:/@?#]+)@", rf"\1:{MASK}@", address)
    if with_mask == address:
        raise ValueError("write the address as postgresql+psycopg2://USER@HOST:PORT/DATABASE, without a password")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path in sorted(FOLDER.rglob("*.yaml")):
            name, text = path.relative_to(FOLDER).as_posix(), path.read_text(encoding="utf-8")
            if name == DATABASE:
                text = re.sub(r"(?m)^sqlalchemy_uri: .*$", lambda _: f"sqlalchemy_uri: {with_mask}", text)
            if name == "metadata.yaml" and update:
                text = text.replace("type: Dashboard", "type: assets")
            bundle.writestr(f"usage_ledger/{name}", text)
    return content.getvalue()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("file", type=Path, help="where to write the zip file")
    options.add_argument("--address", required=True, help="postgresql+psycopg2://USER@HOST:PORT/DATABASE")
    options.add_argument("--update", action="store_true", help="for Superset's import of assets, which overwrites")
    chosen = options.parse_args()
    try:
        chosen.file.write_bytes(zip_of(chosen.address, update=chosen.update))
    except (ValueError, OSError) as error:
        options.exit(1, f"boards: {error}\n")


if __name__ == "__main__":
    main()
