"""Pyarrow as the commands that load need it: without pandas."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder


class _WithoutPandas(MetaPathFinder):
    """Finds no pandas."""

    def find_spec(self, name: str, _path: Sequence[str] | None = None, _target: object = None) -> None:
        """Raises `ModuleNotFoundError` for pandas, and leaves others to others."""
        if name == "pandas":
            raise ModuleNotFoundError(name)


def postpone_pandas() -> None:
    """Keep pyarrow from importing pandas with the first array that it makes, which takes a quarter of a second.

    It looks once whether there is one, and again when somebody wants a frame, as Great Expectations does.
    """
    import pyarrow as pa

    finder = _WithoutPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)
