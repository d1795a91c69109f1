"""Redacts what a task logs, in the task's own process.

Airflow's masker sees whole keys and their whole encodings, later, in the process that supervises the task; a key's
beginning, or what a library prints, never gets that far.
"""

import logging
from collections.abc import MutableMapping
from typing import Any

from usage_ledger.core.redaction import RedactingFilter, no_memory_dump, quiet_libraries, redact


def redact_task_log() -> None:
    """From now on this process writes no protected secret to its log, and leaves no memory behind when it crashes."""
    import structlog

    no_memory_dump()
    quiet_libraries()
    processors = structlog.get_config()["processors"]  # the list itself: loggers that were made before share it
    if redacted not in processors:
        processors.insert(len(processors) - 1, redacted)
    for handler in logging.getLogger().handlers:
        if not any(isinstance(one, RedactingFilter) for one in handler.filters):
            handler.addFilter(RedactingFilter())
        chain = getattr(handler.formatter, "processors", ())
        if chain and redacted not in chain:
            handler.formatter.processors = (*chain[:-1], redacted, chain[-1])  # type: ignore[union-attr]


def redacted(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: every text of the event, however deep, without secrets."""
    for name, value in event.items():
        event[name] = _without(value)
    return event


def _without(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list | tuple):
        return [_without(one) for one in value]
    if isinstance(value, dict):
        return {key: _without(one) for key, one in value.items()}
    return value
