"""Which failures Airflow tries again, and when: decided by the error's family."""

from datetime import timedelta
from typing import Any

from usage_ledger.airflow.versions import has_retry_policy
from usage_ledger.core.errors import PersonMustAct, TryAgain
from usage_ledger.core.provider_errors import RateLimited
from usage_ledger.core.redaction import redact
from usage_ledger.core.settings import TASK_RETRIES
from usage_ledger.http.retry import scale

FIRST_DELAY = timedelta(minutes=5)
LONGEST_DELAY = timedelta(hours=1)
LONGEST_RETRY_AFTER = timedelta(hours=24)
LONGEST_REASON = 500
"""What Airflow stores."""


def retries() -> int:
    """How often a task tries again, from USAGE_LEDGER_TASK_RETRIES; default 3, also where it is malformed."""
    return int(TASK_RETRIES.text)


def wait_of(error: TryAgain, tries: int) -> float | None:
    """Seconds until an error is tried again after so many tries; None when `retries()` are used up."""
    return None if tries > retries() else delay_of(error, tries).total_seconds()


def delay_of(error: TryAgain, tries: int) -> timedelta:
    """How long to wait after so many tries: what the provider asks, a day at most; else five minutes, doubled each time
    up to an hour."""
    delay = min(FIRST_DELAY * 2 ** (tries - 1), LONGEST_DELAY)
    if isinstance(error, RateLimited) and error.retry_after is not None:
        delay = min(timedelta(seconds=error.retry_after), LONGEST_RETRY_AFTER)
    return timedelta(seconds=delay.total_seconds() * scale())


def policy() -> dict[str, Any]:
    """What a task is given so that Airflow asks `UsageLedgerRetryPolicy`; nothing before Airflow 3.3.

    There, `fails_at_once` decides in the task whether Airflow may try it again, and its waits are those of the task.
    """
    return {"retry_policy": UsageLedgerRetryPolicy()} if has_retry_policy() else {}


def fails_at_once(error: BaseException) -> bool:
    """Whether no later try can help, and Airflow must be told so by an exception of its own."""
    return isinstance(error, PersonMustAct) and not has_retry_policy()


if has_retry_policy():
    from airflow.sdk import ExceptionRetryPolicy
    from airflow.sdk.definitions.retry_policy import RetryDecision

    class UsageLedgerRetryPolicy(ExceptionRetryPolicy):
        """Errors that a person must mend fail at once; a long `Retry-After` becomes the delay and frees the slot."""

        def __init__(self) -> None:
            super().__init__(rules=[])

        def evaluate(
            self, exception: BaseException, try_number: int, max_tries: int, context: Any = None
        ) -> RetryDecision:
            reason = redact(str(exception))[:LONGEST_REASON]
            if isinstance(exception, PersonMustAct):
                return RetryDecision.fail(reason=reason)
            if isinstance(exception, TryAgain):
                return RetryDecision.retry(delay=delay_of(exception, try_number), reason=reason)
            return RetryDecision.default()
