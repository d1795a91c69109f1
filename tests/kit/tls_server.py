"""A listener on loopback that speaks TLS with any certificate, HTTP/1.1 or HTTP/2, and remembers all that it read."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived

from kit.asking import KEY, ONCE, PROVIDER, http
from usage_ledger.core import errors
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.http.page import Call

Change = Callable[[ssl.SSLContext], None]


class Secured:
    """What a listener saw: its port, its connections, the names that were asked for, and the decrypted bytes."""

    def __init__(self, port: int) -> None:
        self.port, self.connections = port, 0
        self.names: list[str | None] = []
        self.read: list[bytes] = []

    def talk(self, connection: ssl.SSLSocket) -> None:
        """One answer in the protocol that was agreed on; in HTTP/2, one to each request."""
        if connection.selected_alpn_protocol() != "h2":
            self.read.append(connection.recv(65536))
            connection.sendall(http('{"a": 1}'))
            return
        speaker = H2Connection(H2Configuration(client_side=False))
        speaker.initiate_connection()
        connection.sendall(speaker.data_to_send())
        while part := connection.recv(65536):
            self.read.append(part)
            for event in speaker.receive_data(part):
                if isinstance(event, RequestReceived):
                    if (b":path", b"/cut") in event.headers:
                        speaker.reset_stream(event.stream_id)
                        continue
                    answer = [(":status", "200"), ("content-type", "application/json")]
                    speaker.send_headers(event.stream_id, answer)
                    speaker.send_data(event.stream_id, b'{"a": 2}', end_stream=True)
            connection.sendall(speaker.data_to_send())


@contextmanager
def secured(certificate: trustme.LeafCert | bytes, change: Change | None = None) -> Iterator[Secured]:
    """A listener with this certificate (trustme's, or a key and a certificate in PEM)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if isinstance(certificate, bytes):
        with trustme.Blob(certificate).tempfile() as path:
            context.load_cert_chain(path)
    else:
        certificate.configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))
    traffic = Secured(listener.getsockname()[1])
    context.sni_callback = lambda _socket, name, _context: traffic.names.append(name)
    if change:
        change(context)

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            traffic.connections += 1
            plain.settimeout(2)
            with contextlib.suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as connection:
                traffic.talk(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield traffic
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=5)


def over_tls(certificate: trustme.LeafCert | bytes, name: str = "localhost", change: Change | None = None) -> bytes:
    """What a client gets from a server with this certificate; raises what the client raises, after it saw that the
    server read nothing."""
    with secured(certificate, change) as traffic:
        try:
            url = f"https://{name}:{traffic.port}"
            with Client(PROVIDER, base_url=url, credential=Credential(KEY), account="acme", retries=ONCE) as client:
                return client.ask(Call("/v1/x")).body
        except errors.UsageLedgerError as error:
            assert traffic.connections == 1
            assert b"".join(traffic.read) == b""
            assert KEY not in str(error)
            raise


def self_signed(name: str) -> tuple[bytes, bytes]:
    """A certificate that vouches for itself: key and certificate in PEM, and the certificate alone."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "nobody")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    return private + pem, pem
