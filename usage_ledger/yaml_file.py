"""Reads a YAML file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml

from usage_ledger.core.errors import ConfigError

Keys = tuple[str | int, ...]
"""The keys and places that lead to a value: `("owners", 3, "until")`."""


_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _ClockLoader(_SafeLoader):  # type: ignore[misc]
    """Reads `12:00` as the text that it is, not as the 720 that YAML 1.1 makes of it; `03:00` was a text before."""

    yaml_implicit_resolvers = {  # noqa: RUF012  the library's own form
        first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:int"]
        for first, pairs in _SafeLoader.yaml_implicit_resolvers.items()
    }


_WHOLE = r"[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+"
_ClockLoader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(f"^(?:{_WHOLE})$"), list("-+0123456789"))


def read_yaml(path: Path) -> Any:
    """The document of a YAML file, with the C parser when it is available. Raises `OSError`, `yaml.YAMLError`."""
    with path.open(encoding="utf-8") as file:
        return yaml.load(file, Loader=_ClockLoader)  # noqa: S506  safe


@dataclass(frozen=True)
class YamlFile:
    """A document, and the line that each of its values begins on. Numbers with a fraction are `Decimal`."""

    path: Path
    document: Any
    lines: dict[Keys, int]

    def problem(self, keys: Keys, what: str, *, next_step: str = "") -> ConfigError:
        """The error of a value: file, line and key, and what is wrong with it."""
        line = next((self.lines[keys[:end]] for end in range(len(keys), -1, -1) if keys[:end] in self.lines), 1)
        return ConfigError(f"{self.path.name}, line {line}{key_text(keys)}: {what}", next_step=next_step)


def key_text(keys: Keys) -> str:
    """How a message names the keys: ", key `owners[3].until`"."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return f", key `{text.removeprefix('.')}`" if text else ""


class _ExactLoader(yaml.SafeLoader):
    """Reads `0.30` as the decimal number that it is."""


def _exact(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    try:
        return Decimal(node.value.replace("_", ""))
    except InvalidOperation:  # .inf, .nan, 1:30.5
        return loader.construct_yaml_float(node)


def _calendar(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    """A date; the text where no calendar has it, so that whoever reads the key can name its line."""
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError:
        return node.value


_ExactLoader.add_constructor("tag:yaml.org,2002:float", _exact)
_ExactLoader.add_constructor("tag:yaml.org,2002:timestamp", _calendar)


def read_yaml_file(path: Path) -> YamlFile:
    """A YAML file with the lines of its values; a key that comes twice is refused. Raises `ConfigError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{path.name} cannot be read: {reason}", next_step=f"mend {path}") from None
    loader = _ExactLoader(text)
    try:
        node = loader.get_single_node()
        lines = {} if node is None else dict(_lines(path, node, ()))
        document = None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path.name}{where}: {error.problem or error.context}", next_step="mend the file") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path.name} is not YAML: {error}", next_step="mend the file") from None
    finally:
        loader.dispose()
    return YamlFile(path, document, lines)


def _lines(path: Path, node: yaml.Node, keys: Keys) -> Iterator[tuple[Keys, int]]:
    """Each value's keys and line, outer ones first."""
    yield keys, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        names: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in names:
                raise ConfigError(
                    f"{path.name}, line {key.start_mark.line + 1}{key_text((*keys, name))} is there twice",
                    next_step="remove one of them",
                )
            names.add(name)
            yield (*keys, name), key.start_mark.line + 1
            yield from ((inner, line) for inner, line in _lines(path, value, (*keys, name)) if inner != (*keys, name))
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            yield from _lines(path, value, (*keys, place))
