"""Sends a message by an Airflow connection: mail, Slack, or whatever Apprise reaches."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict

from usage_ledger.airflow.credentials import find, in_task
from usage_ledger.core import redaction
from usage_ledger.core.errors import ConfigError

NOTIFY = "USAGE_LEDGER_NOTIFY"
"""The environment variable that names, with commas between them, who is notified of what names nobody."""


def default_targets() -> list[str]:
    """The connections of `USAGE_LEDGER_NOTIFY`."""
    return [name.strip() for name in os.environ.get(NOTIFY, "").split(",") if name.strip()]


def send(connection_id: str, subject: str, text: str) -> None:
    """Send a message by the connection's own hook. Raises `ConfigError`, and what the hook raises."""
    stored = find(connection_id)
    if stored is None:
        raise ConfigError(
            f"there is no Airflow connection {connection_id!r} to notify by",
            next_step="add it under Admin, Connections",
        )
    for secret in (stored.password, stored.extra.get("config")):
        redaction.protect(secret if isinstance(secret, str) else "")
    if not in_task():  # in a command Airflow's hooks see only what the environment has
        os.environ.setdefault(f"AIRFLOW_CONN_{connection_id.upper()}", json.dumps(asdict(stored)))
    senders: dict[str, Callable[[str, str, str], None]] = {"smtp": _mail, "slackwebhook": _slack, "apprise": _apprise}
    sender = senders.get(stored.conn_type)
    if sender is None:
        raise ConfigError(
            f"Airflow connection {connection_id!r} is of type {stored.conn_type}, by which nobody can be notified",
            next_step=f"use one of type {', '.join(senders)}",
        )
    try:
        sender(connection_id, subject, text)
    except ImportError:
        raise ConfigError(
            f"the Airflow provider of {connection_id!r} is not installed",
            next_step="install usage-ledger[notify] wherever tasks run",
        ) from None


def _mail(connection_id: str, subject: str, text: str) -> None:
    """To the addresses of the connection's extra `to`, else to its own address."""
    from html import escape

    from airflow.providers.smtp.hooks.smtp import SmtpHook

    stored = find(connection_id)
    extra = stored.extra if stored else {}
    to = extra.get("to") or extra.get("from_email")
    if not to:
        raise ConfigError(
            f"Airflow connection {connection_id!r} says nowhere to send to",
            next_step='add {"from_email": "…", "to": "…"} to its extra',
        )
    with SmtpHook(smtp_conn_id=connection_id) as hook:
        hook.send_email_smtp(to=to, subject=subject, html_content=f"<pre>{escape(text)}</pre>")


def _slack(connection_id: str, subject: str, text: str) -> None:
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

    SlackWebhookHook(slack_webhook_conn_id=connection_id, timeout=30).send_text(f"*{subject}*\n{text}")


def _apprise(connection_id: str, subject: str, text: str) -> None:
    from airflow.providers.apprise.hooks.apprise import AppriseHook

    if AppriseHook(apprise_conn_id=connection_id).notify(body=text, title=subject) is False:
        raise ConfigError(
            f"not every service of Airflow connection {connection_id!r} took the message",
            next_step="check its `config` under Admin, Connections",
        )
