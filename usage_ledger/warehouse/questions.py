"""What a vendor refuses an account: a question in full, or a whole report. Remembered, and asked again each week."""

from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.warehouse.engine import in_transaction, transaction
from usage_ledger.warehouse.events import add_event
from usage_ledger.warehouse.sql import statement

AGAIN = "nothing else is missing; it is asked for again each week. The provider said: {}"


@dataclass(frozen=True, slots=True)
class Refused:
    """What was refused of a report: the lesser form that is asked instead, or the report itself."""

    lesser_form: int
    absent: bool
    due: bool
    """Whether it is to be asked for in full again."""


def refused_questions(engine: Engine, connection_id: str) -> dict[str, Refused]:
    """What the vendor has refused, by report."""
    with transaction(engine) as cursor:
        cursor.execute(statement("ops/refused_questions"), {"connection_id": connection_id})
        return {report: Refused(form, absent, due) for report, form, absent, due in cursor.fetchall()}


def absent_reports(engine: Engine, connection_id: str) -> set[str]:
    """The reports that the account does not have, and that are not to be asked for yet."""
    refused = refused_questions(engine, connection_id)
    return {report for report, one in refused.items() if one.absent and not one.due}


def remember_refusal(engine: Engine, connection_id: str, report: str, form: int, *, without: str, said: str) -> None:
    """The report is asked in a lesser form from now on; told once."""

    def work(cursor: Cursor) -> None:
        _refuse(cursor, connection_id, report, form=form, absent=False)
        message = f"{report} cannot be had by {without}: the provider refuses that to this account"
        _tell(cursor, connection_id, report, "lesser_question", "warning", message, said)

    in_transaction(engine, work)


def remember_absence(cursor: Cursor, connection_id: str, report: str, *, said: str, right: str = "") -> None:
    """The account does not have the report: it is not fetched now, and nothing of it is missing; told once.

    Or this key may not read it: `right` is what a person can do about that.
    """
    _refuse(cursor, connection_id, report, form=0, absent=True)
    if right:
        message = f"the key may not read the report {report}"
        _tell(cursor, connection_id, report, "report_absent", "warning", message, said, right)
        return
    message = f"the account does not have the report {report}"
    _tell(cursor, connection_id, report, "report_absent", "info", message, said)


def remember_answer(engine: Engine, connection_id: str, report: str) -> None:
    """The full question was answered: nothing is refused any more."""
    values = {"connection_id": connection_id, "report": report}
    in_transaction(engine, lambda cursor: cursor.execute(statement("ops/answer_question"), values))


def _refuse(cursor: Cursor, connection_id: str, report: str, *, form: int, absent: bool) -> None:
    values = {"connection_id": connection_id, "report": report, "lesser_form": form, "absent": absent}
    cursor.execute(statement("ops/refuse_question"), values)


def _tell(
    cursor: Cursor, connection_id: str, report: str, kind: str, severity: str, message: str, said: str, right: str = ""
) -> None:
    add_event(
        cursor,
        connection_id,
        kind=kind,
        severity=severity,
        message=message,
        next_step="; ".join(filter(None, (right, AGAIN.format(said)))),
        report=report,
        once=True,
    )
