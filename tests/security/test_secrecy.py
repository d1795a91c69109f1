"""What could show a key, and does not: ids, logs, exceptions, encodings, files. A whole Airflow: test_canary.py."""

import gzip
import hashlib
import importlib
import io
import json
import logging
import os
import re
import resource
import stat
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
import typer
from kit.asking import GZIP, JSON, KEY, ONCE, PROVIDER, Asking, Server, bare, http
from kit.canary import forms, hits
from kit.provider_site import NOW

from usage_ledger.airflow.credentials import Stored
from usage_ledger.airflow.run_dates import dates_of_run
from usage_ledger.airflow.task_log import redact_task_log, redacted
from usage_ledger.cli import app
from usage_ledger.connections import connection_from
from usage_ledger.core import errors, pseudonym, redaction
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.http.credential import key_tag
from usage_ledger.local import airflow_home
from usage_ledger.storage.files import write_whole

HOSTILE_IDS = [
    *("'; DROP TABLE ops.load;--", "{{ 7*7 }}", "{% include 'x' %}", "$(id)", "`id`", "a;b", "a|b", "a&b", "a b", "A"),
    *("../../etc/passwd", "a/b", "a\\b", "..", ".", "", "a-b", "_a", "ä", "a\n", "a\0", "a" * 64, "%2e%2e", "C:/x"),
]


@pytest.mark.parametrize("hostile", HOSTILE_IDS)
def test_x2_commands_and_templates_are_no_ids(hostile: str) -> None:
    good = {"provider": "fireworks", "account": "acme"}
    with pytest.raises(errors.ConfigError) as caught:
        connection_from(hostile, good, "x.yaml")
    assert str(caught.value).isprintable()
    if hostile not in ("A", "a-b", "_a", ".", "..", "a" * 64):
        with pytest.raises(errors.ConfigError):
            connection_from("acme", good | {"account": hostile}, "x.yaml")
    for key in ("timezone", "at", "provider"):
        with pytest.raises(errors.ConfigError):
            connection_from("acme", good | {key: hostile or "''"}, "x.yaml")
    run = SimpleNamespace(
        run_type="manual", logical_date=None, data_interval_start=None, data_interval_end=None, run_after=NOW
    )
    for params in ({"from": hostile, "to": "2026-11-01"}, {"from": "2026-11-01", "to": hostile}):
        with pytest.raises(errors.BadWindow):
            dates_of_run(connection_from("acme", good, "x.yaml"), run, params, NOW)


WIRE = ("httpx", "httpcore", "httpcore.http11", "httpcore.http2", "hpack", "urllib3")


@pytest.fixture
def everything_at_debug() -> Iterator[io.StringIO]:
    """What all loggers print at DEBUG, without a filter of ours on their handlers."""
    printed = io.StringIO()
    handler = logging.StreamHandler(printed)
    loggers = [logging.getLogger(name) for name in (None, *WIRE)]
    levels = [logger.level for logger in loggers]
    loggers[0].addHandler(handler)
    loggers[0].setLevel(logging.DEBUG)
    yield printed
    loggers[0].removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.mark.parametrize("turned_up", ["root alone", "before", "after"])
def test_x6_wire_level_logs_show_no_key_at_debug(
    scripted: Server, everything_at_debug: io.StringIO, turned_up: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library's logger that somebody turns to DEBUG, before or after a client is made, still prints no header."""
    for known in (sys.modules, logging.root.manager.loggerDict):  # as in a process that has not spoken HTTP/2 yet
        for name in [name for name in known if name.partition(".")[0] == "hpack"]:
            monkeypatch.delitem(known, name)
    if turned_up == "before":
        for name in WIRE:
            logging.getLogger(name).setLevel(logging.DEBUG)
    asking = Asking(scripted(http("{}", "200 OK", JSON, f"X-Echo: Bearer {KEY}")))
    if turned_up == "after":
        for name in WIRE:
            logging.getLogger(name).setLevel(logging.DEBUG)
    asking.ask()
    importlib.import_module("hpack").Encoder().encode(
        [("authorization", f"Bearer {KEY}")]
    )  # what HTTP/2 does with our headers
    logging.getLogger("usage_ledger").debug("this logger is at debug")
    assert "this logger is at debug" in everything_at_debug.getvalue()
    assert hits(everything_at_debug.getvalue().encode(), KEY) == []


@pytest.mark.parametrize("reply", [b"", b"nonsense\r\n\r\n", http("{}", length=10**5), http(f'"{KEY}"', "500 Oops")])
def test_x7_exceptions_show_no_key_however_they_are_shown(scripted: Server, reply: bytes) -> None:
    """In text, repr, arguments, attributes, and the whole chain of causes with its local variables of ours."""
    asking = Asking(scripted(reply), retries=ONCE)
    with pytest.raises(errors.UsageLedgerError) as caught:
        asking.ask()
    shown, error = "", caught.value
    while error is not None:
        shown += f"{error} {error!r} {error.args} {vars(error)}"
        assert not hasattr(error, "_request")
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    shown += "".join(traceback.format_exception(caught.value))
    shown += repr(asking.client) + repr(Stored("fireworks", password=KEY, extra={"k": KEY}))
    assert hits(shown.encode(), KEY) == []


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("form", sorted(forms(KEY)))
def test_x9_a_key_that_the_provider_echoes_is_scrubbed_before_it_is_landed(
    scripted: Server, form: str, packed: bool
) -> None:
    body = json.dumps({"rows": ["x" * 5000, 1]}).encode().replace(b'"rows"', b'"' + _json(forms(KEY)[form]) + b'"')
    reply = bare(gzip.compress(body), GZIP) if packed else http(body, "200 OK", JSON)
    landed = Asking(scripted(reply)).ask()
    assert hits(landed, KEY) == []
    assert b"***" in landed
    assert json.loads(landed)


def _json(form: bytes) -> bytes:
    """The form inside a JSON text, where it does not break it."""
    return form if b'"' not in form.replace(b'\\"', b"") else json.dumps(form.decode())[1:-1].encode()


@pytest.mark.parametrize("form", sorted(forms(KEY)))
def test_x10_every_encoding_is_blanked_by_our_redactor_and_the_whole_ones_by_airflows_too(form: str) -> None:
    redaction.protect(KEY)
    text = f"before {forms(KEY)[form].decode()} after"
    assert hits(redaction.redact(text).encode(), KEY) == []
    assert "***" in redaction.redact(text)
    from airflow.sdk._shared.secrets_masker import SecretsMasker

    settings = airflow_home._settings(Path("/nowhere"), airflow_home.configparser.ConfigParser())
    assert settings["logging"]["secret_mask_adapter"] == "usage_ledger.core.redaction.mask_adapter"
    masker = SecretsMasker()
    masker.secret_mask_adapter = redaction.mask_adapter  # as the configuration of the stack names it
    masker.add_mask(KEY)
    if form != "prefix":  # that alone is ours: Airflow's masker would leave the tail of a whole key in clear
        assert hits(str(masker.redact(text)).encode(), KEY) == []


def test_a_task_redacts_its_log_before_it_leaves_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.log import configure_logging

    redaction.protect(KEY)
    sent = io.BytesIO()
    configure_logging(json_output=True, output=sent, sending_to_supervisor=True, log_level="DEBUG")
    try:
        early = structlog.get_logger("made.before")
        early.info("nothing yet")
        redact_task_log()
        for form in forms(KEY).values():
            told = form.decode()
            early.info(told, more={"deep": [told]})
            structlog.get_logger("made.after").warning("x", value=told)
            logging.getLogger("some.library").warning("it says %s", told)
            try:
                raise RuntimeError(told)
            except RuntimeError:
                early.exception("failed")
                logging.getLogger("some.library").exception("failed too")
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers.clear()
    assert sent.getvalue().count(b"***") >= 12 * 5
    assert hits(sent.getvalue(), KEY) == []
    assert redacted(None, "", {"a": 1, "b": (KEY,)}) == {"a": 1, "b": ["***"]}
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)


def test_a_file_is_its_owners_alone_before_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    real = os.fsync

    def looked(descriptor: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", looked)
    write_whole(tmp_path / "page", b"x")
    assert modes[0] == 0o600


def test_a_command_takes_no_key_as_an_argument() -> None:
    told = typer.main.get_command(app)
    options = {name for command in told.commands.values() for option in command.params for name in option.opts}
    own = {"--keys", "--key-file", "--key-of"}  # the sandbox's own: a number, a file, a provider's name
    assert {"--account", *own} < options
    assert not {name for name in options if re.search("key|password|secret|token", name)} - own


def test_a_client_shows_its_key_to_nobody_who_looks_at_it() -> None:
    with Client(PROVIDER, base_url="http://127.0.0.1:9", credential=Credential(KEY), account="acme") as client:
        shown: list[Any] = [repr(client), str(vars(client)), repr(client._http)]
    assert hits("".join(map(str, shown)).encode(), KEY) == []


def test_an_error_of_ours_is_logged_without_frames_and_a_defect_with_them() -> None:
    frames = [{"filename": "x.py", "lineno": 1, "name": "f"}]

    def logged(*names: str) -> list[tuple[str, int]]:
        event = {"event": "failed", "exception": [{"exc_type": name, "frames": list(frames)} for name in names]}
        return [(one["exc_type"], len(one["frames"])) for one in redacted(None, "error", event)["exception"]]

    assert logged("BadKey") == [("BadKey", 0)]
    assert logged("WarehouseDown", "OperationalError") == [("WarehouseDown", 0)]
    assert logged("KeyError", "BadKey") == [("KeyError", 1), ("BadKey", 1)]


def test_the_tag_of_a_key_is_no_encoding_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the deployment's key nobody can try keys on it, and it tells no twin."""
    keys = [KEY, *(KEY[:-1] + character for character in "abcdef")]

    def tags(connection_id: str = "acme") -> list[str]:
        return [(key_tag(Credential(key), connection_id) or {})["tag"] for key in keys]

    monkeypatch.setenv(pseudonym.SETTING, "a deployment's own key")
    first, again, twin = tags(), tags(), tags("another")
    deployment = key_tag(Credential(KEY), "acme") or {}
    assert first == again
    assert len({*first, *twin}) == 2 * len(keys)
    monkeypatch.setenv(pseudonym.SETTING, "the key of another deployment")
    assert set(tags()).isdisjoint(first)
    assert (key_tag(Credential(KEY), "acme") or {})["deployment"] != deployment["deployment"]
    for key, tag in zip(keys, first, strict=True):
        assert hits(tag.encode(), key) == []
        digests = [hashlib.new(name, f"{prefix}{key}".encode()).hexdigest() for name in ("md5", "sha1", "sha256")
                   for prefix in ("", "key of acme\0")]  # fmt: skip
        assert not [digest for digest in digests if tag in digest]
    assert re.fullmatch(r"[0-9a-f]{16}", first[0])
