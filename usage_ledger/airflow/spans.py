"""A span for each step, inside of the span that Airflow makes of the task, where its traces are switched on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from usage_ledger.core.redaction import redact
from usage_ledger.core.steps import Step
from usage_ledger.core.windows import DAY


def switched_on() -> bool:
    """Whether Airflow sends traces."""
    from airflow.configuration import conf

    return bool(conf.getboolean("traces", "otel_on", fallback=False))


@contextmanager
def span_of(step: Step) -> Iterator[None]:
    """The span `usage_ledger.<step>` around a step, with what it did as attributes; an error is its sentence."""
    from opentelemetry import trace
    from opentelemetry.trace import Status, StatusCode

    tracer = trace.get_tracer("usage_ledger")
    with tracer.start_as_current_span(
        f"usage_ledger.{step.name}", record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        except Exception as error:
            span.set_status(Status(StatusCode.ERROR, redact(f"{type(error).__name__}: {error}")))
            raise
        finally:
            span.set_attributes({f"usage_ledger.{name}": value for name, value in _attributes(step).items()})


def _attributes(step: Step) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "connection": step.connection_id,
        "report": step.report,
        "window.first": str(step.window.first),
        "window.last": str(step.window.end - DAY),
        "load_id": step.load_id,
        **step.counts,
        **{f"rows.{table}": rows for table, rows in step.rows.items()},
    }
    lists = {"held": [str(day) for day in step.held], "failed": [str(day) for day in step.failed], "error": step.error}
    return facts | {name: value for name, value in lists.items() if value}
