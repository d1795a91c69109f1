"""The errors of every file system as ours: each cloud's raises its own."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from usage_ledger.core.storage_errors import RawGone, StorageDown, StorageRefused

TRANSIENT = (errno.EBUSY, errno.EAGAIN, errno.ETIMEDOUT, getattr(errno, "EREMOTEIO", errno.EBUSY))
"""What s3fs makes of a store's 500 and 503."""
UNANSWERED = {
    *("ConnectionError", "TimeoutError", "HTTPClientError", "ClientConnectionError", "ClientPayloadError"),
    *("ServiceRequestError", "ServiceResponseError", "TransportError"),
}
"""Names of classes: Python's and requests' own, botocore's, aiohttp's, Azure's, Google's. None need be installed."""
BUSY = {408, 429, 500, 502, 503, 504}
"""The HTTP statuses that gcsfs and Azure's library leave on their errors."""
_query = re.compile(r"(?<=\S)\?[^\s'\"<>)]+")


def is_transient(error: BaseException) -> bool:
    """Whether an error of a file system says that it does not answer, or is busy. Each cloud's raises its own."""
    for one in chain(error):
        class_names = {kind.__name__ for kind in type(one).__mro__}
        if getattr(one, "errno", None) in TRANSIENT or class_names & UNANSWERED or status_of(one) in BUSY:
            return True
    return False


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those that it was made of: adlfs wraps every failed write into a `RuntimeError`."""
    while error is not None:
        yield error
        error = error.__cause__


def status_of(error: BaseException) -> int | None:
    """The HTTP status that gcsfs or Azure's library put on its error."""
    statuses = (getattr(error, name, None) for name in ("status_code", "code"))
    return next((one for one in statuses if isinstance(one, int)), None)


def reason_of(error: Exception) -> str:
    """What a file system says of its error: the first line, without the queries of URLs, which may hold a signature."""
    text = str(getattr(error, "strerror", None) or error).strip().partition("\n")[0]
    return _query.sub("?…", text) or type(error).__name__


@contextmanager
def storage_errors(action: str) -> Iterator[None]:
    """Translate the errors of any file system; `action` is "read" or "written". Each cloud's raises its own classes.

    Raises `RawGone` for a missing file, `StorageDown` for an error that a retry may end, else `StorageRefused`.
    """
    try:
        yield
    except (StorageRefused, StorageDown, MemoryError):
        raise
    except Exception as error:
        text = f"raw storage cannot be {action} ({reason_of(error)})"
        if isinstance(error, FileNotFoundError) and action == "read":
            raise RawGone(text) from error
        if is_transient(error):
            raise StorageDown(text) from error
        raise StorageRefused(text) from error
