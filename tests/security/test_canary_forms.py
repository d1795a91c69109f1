"""Each form of credential goes through a run whose provider sends every secret back; afterwards it is in no sink."""

import io
import json
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import pytest
from kit.canary import contents, forms, leaks
from kit.cumulus import CUMULUS, DAY, NOW, START
from kit.issuers import (
    ACCESS_KEY,
    ACCESS_KEY_PRIVATE,
    KEY_FILE,
    PEM,
    ROLE,
    TENANT,
    Issuers,
    Received,
    issuing,
    role_secret,
)
from sqlalchemy import Engine, text

from usage_ledger import model as m
from usage_ledger.airflow.identity import provider_credential
from usage_ledger.connections import Connection, connection_from
from usage_ledger.core import redaction
from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.http.client import client_for
from usage_ledger.http.credential import Credential, TokenFile
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.run import run_all
from usage_ledger.providers import PROVIDERS

SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYCANARY"
SESSION_TOKEN = "FwoGZXIvYXdzEBYaDCanarySessionToken%\"'&/+="
CLIENT_SECRET = "cL8~CanarySecret.of-an_application'42"
SUBJECT_TOKEN = "eyJ0.canary-of-the-pods+token.c2lnbmF0dXJl"
SESSION = m.Setting("session_token", "Session token", "Of temporary keys.", secret=True, part_of_key=True)
LIBRARIES = ("botocore", "azure", "msal", "google", "httpx", "httpcore", "urllib3")


@dataclass(frozen=True)
class Form:
    """One way to authenticate, the Airflow connection that stores it, and its secrets."""

    auth: m.Auth
    stored: dict[str, Any]
    secrets: tuple[str, ...]


AWS = {"login": "AKIACANARY", "password": SECRET_ACCESS_KEY}
GOOGLE = m.ServiceAccount(("https://www.googleapis.com/auth/cloud-platform.read-only",))
FORMS = {
    "access key of AWS": Form(
        m.SigV4(),
        AWS | {"conn_type": "aws", "extra": {"aws_session_token": SESSION_TOKEN}},
        (SECRET_ACCESS_KEY, SESSION_TOKEN),
    ),
    "role": Form(m.SigV4(), AWS | {"conn_type": "aws", "extra": {"role_arn": ROLE}}, (SECRET_ACCESS_KEY,)),
    "client secret": Form(
        m.ClientCredentials("https://management.azure.com/.default"),
        {"conn_type": "azure", "login": "app-1", "password": CLIENT_SECRET, "extra": {"tenantId": TENANT}},
        (CLIENT_SECRET,),
    ),
    "key file": Form(GOOGLE, {"conn_type": "google_cloud_platform", "extra": {"keyfile_dict": KEY_FILE}}, (PEM,)),
    "own key file": Form(GOOGLE, {"conn_type": "cumulus", "password": json.dumps(KEY_FILE)}, (PEM,)),
    "signed JWT": Form(
        m.SignedJwt(), {"conn_type": "cumulus", "password": ACCESS_KEY}, (ACCESS_KEY, ACCESS_KEY_PRIVATE)
    ),
    "token file": Form(m.SigV4(), {}, (SUBJECT_TOKEN,)),
}


def provider_of(form: Form) -> m.Provider:
    """The fictional provider, read by GET."""
    audience = "monitoring/eu-central-1" if isinstance(form.auth, m.SigV4) else ""
    [report] = CUMULUS.reports
    source = m.HttpPages(m.Request("/v1/usage", (("from", "{start_epoch}"),), audience=audience))
    accounts = replace(CUMULUS.accounts, request=m.Request("/v1/account", audience=audience))
    return replace(
        CUMULUS, auth=form.auth, settings=(SESSION,), accounts=accounts, reports=(replace(report, source=source),)
    )


@pytest.fixture
def printed() -> Iterator[io.StringIO]:
    """What all loggers print, the libraries' at DEBUG, without a filter of ours on the handler."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    loggers = [logging.getLogger(name) for name in (None, *LIBRARIES)]
    levels = [logger.level for logger in loggers]
    loggers[0].addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    yield stream
    loggers[0].removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


class Echo:
    """A provider that sends back all that it and the issuer have got and issued."""

    def __init__(self, issuers: Issuers, account: str, secrets: tuple[str, ...]) -> None:
        self._issuers, self._account, self._secrets = issuers, account, secrets
        issuers.data = self.answer
        self.status = 200

    def everything(self) -> list[str]:
        """The secrets that exist by now, those of requests for a token and of answers to them among them."""
        of_forms = [
            value
            for request in self._issuers.requests
            for name, value in request.form.items()
            if name in ("assertion", "WebIdentityToken")
        ]
        bearers = [
            request.headers["authorization"].removeprefix("Bearer ")
            for request in self._issuers.requests
            if request.headers.get("authorization", "").startswith("Bearer ")
        ]
        of_roles = any("Action" in request.form for request in self._issuers.requests)
        role_keys = [role_secret(number + 1) for number in range(len(self._issuers.issued)) if of_roles]
        return list(dict.fromkeys([*self._secrets, *of_forms, *bearers, *self._issuers.issued, *role_keys]))

    def words(self) -> list[str]:
        """Each secret in each form."""
        return [
            f"{number} {name} {form.decode('latin-1')}"
            for number, one in enumerate(self.everything())
            for name, form in forms(one).items()
        ]

    def answer(self, request: Received) -> tuple[int, str]:
        if request.path.startswith("/v1/account") and self.status == 200:
            return 200, json.dumps({"id": self._account})
        if self.status != 200:
            return self.status, json.dumps({"message": " ".join(self.words()[:40]), "all": self.words()})
        bounds = {"start": START, "end": START + 86_400, "tokens": "1"}
        return 200, json.dumps({"rows": [bounds | {"model": word} for word in self.words()], "next": None})


def credential_of(form: Form, connection: Connection, folder: Path) -> Credential:
    if form.stored:
        return provider_credential(connection)
    (folder / "subject").write_text(SUBJECT_TOKEN)
    return Credential(TokenFile(folder / "subject"), {"role_arn": ROLE})


def sentence_of(work: Callable[[], object]) -> str:
    """All that an error shows, with its causes."""
    with pytest.raises(UsageLedgerError) as caught:
        work()
    shown, error = "".join(traceback.format_exception(caught.value)), caught.value
    while error is not None:
        shown += f"{error} {error!r} {error.args} {vars(error)}"
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return shown


def rows_of(engine: Engine) -> Iterator[tuple[str, bytes]]:
    """Every row of every table of the warehouse, as text."""
    with engine.connect() as connection:
        names = connection.execute(
            text(
                "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) FROM information_schema.tables"
                " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'"
            )
        ).scalars()
        for name in list(names):
            rows = connection.execute(text(f"SELECT t::text FROM {name} AS t")).scalars()
            yield name, "\n".join(rows).encode()


@pytest.mark.parametrize("name", FORMS)
def test_no_secret_of_any_form_is_in_any_sink(
    name: str, engine: Engine, tmp_path: Path, printed: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In no log, error, landed or staged file, row, event or command line, in none of twelve encodings."""
    form = FORMS[name]
    connection_id = re.sub(r"[^a-z]", "_", name.lower())
    account = "acc-example1" if isinstance(form.auth, m.SignedJwt) else connection_id
    monkeypatch.setitem(PROVIDERS, "cumulus", provider_of(form))
    monkeypatch.setattr(redaction, "_protected", redaction.Protected())
    monkeypatch.setenv(f"AIRFLOW_CONN_{connection_id.upper()}", json.dumps(form.stored))
    connection = connection_from(connection_id, {"provider": "cumulus", "account": account}, "x.yaml")
    root, shown = tmp_path / "raw", []
    root.mkdir()
    with issuing() as issuers:
        monkeypatch.setenv("USAGE_LEDGER_ALLOWED_HOSTS", issuers.url.removeprefix("http://"))
        monkeypatch.setenv("USAGE_LEDGER_RETRY_SCALE", "0")
        echo = Echo(issuers, account, form.secrets)
        credential = replace(credential_of(form, connection, tmp_path), host=issuers.url)

        def run() -> None:
            with client_for(connection, credential) as client:
                ran = run_all(connection, Dates(DAY, DAY), client=client, engine=engine, root=root, now=NOW)
                shown.append(repr(client) + repr(credential))
                for failure in ran.failures:
                    raise failure

        run()
        for status in (401, 403, 429):
            echo.status = status
            shown.append(sentence_of(run))
        refusal = " ".join(echo.words())
        document = json.dumps({"error": "invalid", "error_description": refusal})
        of_role = f"<Error><Code>AccessDenied</Code><Message>{escape(refusal)}</Message></Error>"
        issuers.refusal = (400, of_role if isinstance(form.auth, m.SigV4) else document)
        shown.append(sentence_of(run))
        secrets = echo.everything()
    assert len(secrets) >= len(form.secrets) + (0 if name == "access key of AWS" else 1)
    places = [*contents(root), *rows_of(engine), ("log", printed.getvalue().encode())]
    places += [("errors", "\n".join(shown).encode()), ("command line", Path("/proc/self/cmdline").read_bytes())]
    assert any(b"***" in data for where, data in places if where.endswith("unpacked"))
    assert any(b"***" in data for where, data in places if where == "ledger.usage_daily")
    assert "***" in "\n".join(shown)
    for secret in secrets:
        assert leaks(places, secret) == []
