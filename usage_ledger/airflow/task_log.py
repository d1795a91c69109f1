"""What a task logs, in the task's own process: without secrets, and an error of ours as its sentence.

Airflow's masker sees whole keys and their whole encodings, later, in the process that supervises the task; a key's
beginning, or what a library prints, never gets that far.
"""

import logging
from collections.abc import Callable, Iterator, MutableMapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from usage_ledger.airflow.retry_policy import fails_at_once
from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.core.redaction import RedactingFilter, no_memory_dump, quiet_libraries, redact

log = logging.getLogger(__name__)
AIRFLOWS_OWN = "AirflowFailException"
"""What stands for an error of ours where Airflow has no retry policies."""
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def explained(step: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """A task that logs an error's sentence, and what to do next on a line of its own, before Airflow logs the error."""

    @wraps(step)
    def run(*values: Parameters.args, **named: Parameters.kwargs) -> Result:
        redact_task_log()
        try:
            return step(*values, **named)
        except UsageLedgerError as error:
            log.error("%s", error.sentence)
            if error.next_step:
                log.error("Next step: %s", error.next_step)
            if fails_at_once(error):
                from airflow.sdk.exceptions import AirflowFailException

                raise AirflowFailException(redact(str(error))) from None
            raise

    return run


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
    """A structlog processor: every text of the event, however deep, without secrets; our errors without a traceback.

    An error of ours says what a person needs; where in the code it was raised helps nobody who reads the log.
    """
    for name, value in event.items():
        event[name] = _without(value)
    raised = event.get("exception")
    if (
        isinstance(raised, list)
        and raised
        and raised[0]["exc_type"] in {AIRFLOWS_OWN, *(one.__name__ for one in _family(UsageLedgerError))}
    ):
        event["exception"] = [{**raised[0], "frames": []}]  # nor what it came from, which it says in its sentence
    return event


def _family(kind: type[UsageLedgerError]) -> Iterator[type[UsageLedgerError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _family(child)


def _without(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list | tuple):
        return [_without(one) for one in value]
    if isinstance(value, dict):
        return {key: _without(one) for key, one in value.items()}
    return value
