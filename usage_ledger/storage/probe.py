"""Whether raw storage can be used, before anything is asked of a provider."""

import uuid
from pathlib import Path
from typing import Any, cast

from usage_ledger.core.errors import ConfigError
from usage_ledger.core.storage_errors import StorageDown, StorageRefused
from usage_ledger.storage.file_errors import chain, reason_of, status_of
from usage_ledger.storage.files import AnyPath, below, read_whole, remove, write_whole
from usage_ledger.storage.root import SETTING

CONTENT = b"usage-ledger was here; this may be deleted\n"
RIGHTS = {
    "s3": "s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject",
    "gs": "the role Storage Object User",
    "abfs": "the role Storage Blob Data Contributor",
}
"""What a credential needs, in each cloud's own words."""
ELSEWHERE = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint", "region")
"""What S3 says of a bucket in another region than the one that was asked."""
NAMELESS = {"NoCredentialsError", "CredentialRetrievalError", "DefaultCredentialsError", "CredentialUnavailableError"}
"""Classes by which the clouds' libraries say that they found no credential."""


def probe(root: AnyPath) -> None:
    """Write, read and delete one small object, as a load does.

    Raises `ConfigError` for storage that does not let that happen: what it said, and what to do.
    """
    path = below(root, "_probe", uuid.uuid4().hex)
    try:
        write_whole(path, CONTENT)
        same = read_whole(path) == CONTENT
        remove([path])
    except (StorageRefused, StorageDown) as error:
        reason = error.__cause__ if isinstance(error.__cause__, Exception) else error
        raise ConfigError(
            f"raw storage {root} cannot be used ({reason_of(reason)})", next_step=_next_step(root, error)
        ) from None  # what the file system raised may hold a signed URL
    if not same:
        raise ConfigError(
            f"raw storage {root} gave back other bytes than were written", next_step="use a store that keeps them"
        )


def _next_step(root: AnyPath, error: StorageRefused | StorageDown) -> str:
    scheme = "" if isinstance(root, Path) else str(cast(Any, root).protocol)
    if not scheme:
        return f"let this user write in the folder, and see that there is space; {SETTING} names it"
    causes = list(chain(error))
    class_names = {kind.__name__ for one in causes for kind in type(one).__mro__}
    texts = " ".join(map(str, causes))
    statuses = {status_of(one) for one in causes}
    if class_names & NAMELESS:
        return "give the credentials in the environment, wherever tasks and commands run"
    if scheme == "s3" and any(word in texts for word in ELSEWHERE):
        return "set AWS_DEFAULT_REGION to the bucket's region"
    if "FileNotFoundError" in class_names or 404 in statuses:
        return f"make the bucket or container first, or correct {SETTING}"
    if isinstance(error, StorageDown):
        return f"see that the store answers from this machine; {SETTING} and the environment say where it is"
    return f"give its credential {RIGHTS.get(scheme, 'the right to read, write and delete')} there"
