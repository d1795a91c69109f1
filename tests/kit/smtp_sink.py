"""A mail server on loopback that takes what it gets, or refuses the first messages."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any


@dataclass
class Sink:
    """The messages that came, and how many are still to be refused."""

    port: int = 0
    refuse: int = 0
    messages: list[EmailMessage] = field(default_factory=list)


class _Session(socketserver.StreamRequestHandler):
    server: Any

    def handle(self) -> None:
        self._say("220 sink")
        while line := self.rfile.readline():
            word = line.split(b" ")[0].strip().upper().decode()
            if word == "DATA":
                self._take()
            elif word == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 sink" if word in ("EHLO", "HELO", "MAIL", "RCPT", "RSET", "NOOP") else "502 no")

    def _take(self) -> None:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        sink: Sink = self.server.sink
        if sink.refuse:
            sink.refuse -= 1
            self._say("451 not now")
            return
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(message, EmailMessage)
        sink.messages.append(message)
        self._say("250 taken")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def smtp_sink() -> Iterator[Sink]:
    with _Server(("127.0.0.1", 0), _Session) as server:
        sink = Sink(server.server_address[1])
        server.sink = sink  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield sink
        finally:
            server.shutdown()
            thread.join()
