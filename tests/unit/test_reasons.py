"""What is said of a file system's error: its reason, and no signature of a URL."""

import errno

import pytest

from usage_ledger.core.storage_errors import StorageRefused
from usage_ledger.storage.file_errors import reason_of, storage_errors

SIGNED = "https://store.example.com/raw/page?sv=2026-02-06&sig=c2VjcmV0"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError(f"GET {SIGNED} answered 403"), "GET https://store.example.com/raw/page?… answered 403"),
        (ValueError(f"ClientError('{SIGNED}')"), "ClientError('https://store.example.com/raw/page?…')"),
        (ValueError("is it there? no"), "is it there? no"),
        (OSError(errno.EACCES, "Permission denied"), "Permission denied"),
        (ValueError(), "ValueError"),
    ],
)
def test_a_reason_holds_no_query_of_a_url(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason
    with pytest.raises(StorageRefused) as raised, storage_errors("read"):
        raise error
    assert raised.value.what == f"raw storage cannot be read ({reason})"
