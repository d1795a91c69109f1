"""The command that puts the package into an Airflow that is there."""

from pathlib import Path
from typing import Annotated

import typer

from usage_ledger.cli.arguments import FAILED, Json


def init(
    dags: Annotated[
        Path | None, typer.Option("--dags", metavar="FOLDER", help="For the Dag files; Airflow's own without.")
    ] = None,
    json: Json = False,
) -> None:
    """Look whether this Airflow has what is needed, and write the Dag files, folders and pools. Safe to repeat."""
    from usage_ledger.airflow.installation import dags_folder, inspect, install
    from usage_ledger.airflow.versions import require_airflow_version
    from usage_ledger.cli.context import require_stack_database
    from usage_ledger.console import print_json, say, table

    require_airflow_version()
    require_stack_database()
    folder = (dags or dags_folder()).absolute()
    findings = list(inspect(folder))
    missing = [one for one in findings if one.state == "missing"]
    done = [] if missing else install(folder)
    if json:
        columns = [{"thing": one.thing, "state": one.state, "what": one.what, "do": one.next_step} for one in findings]
        print_json({"findings": columns, "done": done})
    else:
        rows = [(one.thing, one.state, "; ".join(filter(None, (one.what, one.next_step)))) for one in findings]
        table("This Airflow", ["thing", "state", "what was found, and what to do"], rows, narrow=True)
        for sentence in done:
            say(sentence)
    if missing:
        typer.echo(
            f"usage-ledger: nothing was written, because of what is missing: {', '.join(one.thing for one in missing)};"
            " do what the list says, and run `usage-ledger init` again",
            err=True,
        )
        raise typer.Exit(FAILED)
    if not json:
        say("ready; connect an account: usage-ledger connect PROVIDER ID --account ACCOUNT")
