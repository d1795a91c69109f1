"""Which failures Airflow tries again, and when: decided by the error's family."""

from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy
from airflow.sdk.definitions.retry_policy import RetryDecision

from usage_ledger.core.errors import Hold, PersonMustAct, RateLimited, TryAgain
from usage_ledger.core.redaction import redact
from usage_ledger.http.retry import scale

FIRST_DELAY = timedelta(minutes=5)
LONGEST_DELAY = timedelta(hours=1)
LONGEST_RETRY_AFTER = timedelta(hours=24)
LONGEST_REASON = 500
"""What Airflow stores."""


class UsageLedgerRetryPolicy(ExceptionRetryPolicy):
    """Errors that a person must mend fail at once; a long `Retry-After` becomes the delay and frees the slot."""

    def __init__(self) -> None:
        super().__init__(rules=[])

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        reason = redact(str(exception))[:LONGEST_REASON]
        if isinstance(exception, PersonMustAct | Hold):
            return RetryDecision.fail(reason=reason)
        if isinstance(exception, RateLimited) and exception.retry_after is not None:
            asked = min(timedelta(seconds=exception.retry_after), LONGEST_RETRY_AFTER)
            return RetryDecision.retry(delay=asked * scale(), reason=reason)
        if isinstance(exception, TryAgain):
            doubled = min(FIRST_DELAY * 2 ** (try_number - 1), LONGEST_DELAY)
            return RetryDecision.retry(delay=doubled * scale(), reason=reason)
        return RetryDecision.default()
