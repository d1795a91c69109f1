"""An invented Authress account: what is checked, by which names, and the access key for the key that opens it."""

import base64
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from usage_ledger.core.project import local_folder
from usage_ledger.sandbox.kit.account import Account
from usage_ledger.sandbox.kit.slots import instant_of
from usage_ledger.sandbox.kit.streams import Stream, stable

KEY_ID = "k1"
ROLES = {"document-reader": "Document reader", "document-editor": "Document editor", "billing": "Billing"}


class Check(NamedTuple):
    """A permission that is checked on a resource, as the stream writes both, and the result."""

    resource: str
    action: str
    result: str
    stream: Stream


@dataclass(frozen=True)
class AuthressAccount(Account):
    """One account, wholly determined by its values."""

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """Everything that is checked. A leading slash and capitals in an action mean nothing to Authress."""
        written = (
            ("/documents/doc_1", "documents:read", "ALLOWED"),
            ("documents/doc_1", "Documents:Read", "ALLOWED"),
            ("/documents/doc_1", "documents:write", "DENIED"),
            ("/documents/doc_2", "documents:read", "ALLOWED"),
            ("/tenants/north/invoices", "billing:read", "ALLOWED"),
            ("/tenants/north/invoices", "billing:read", "DENIED"),
        )
        return tuple(Check(*one, self._stream(number)) for number, one in enumerate(written))

    def _stream(self, number: int) -> Stream:
        """A few hundred checks a day: the archive has one event an hour for all of them."""
        return self.meter(f"check-{number}", 3 + number, instant_of(0), divisor=10)

    @property
    def archive(self) -> Path:
        """The folder that stands for the bucket of the audit stream's archive."""
        return local_folder() / "sandbox" / "authress" / self.account

    @property
    def settings(self) -> dict[str, str | tuple[str, ...]]:
        """Where the archive is."""
        return {"events": f"file://{self.archive}"}

    @property
    def client_id(self) -> str:
        """The service client that holds the access key."""
        return f"sc_{self.number('client'):012x}"[:15]

    def _private_key(self, key: str) -> Ed25519PrivateKey:
        words = (stable("private", self.seed, self.account, key, part) for part in range(4))
        return Ed25519PrivateKey.from_private_bytes(b"".join(word.to_bytes(8, "big") for word in words))

    def public_key(self, key: str) -> Ed25519PublicKey:
        """What verifies the tokens that the access key signs."""
        return self._private_key(key).public_key()

    def secret(self, key: str) -> str:
        """The access key: `{client id}.{key id}.{account id}.{private key}`, the last as base64 of PKCS#8 in DER."""
        der = self._private_key(key).private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return f"{self.client_id}.{KEY_ID}.{self.account}.{base64.b64encode(der).decode()}"
