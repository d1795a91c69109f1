"""Writes what the documentation takes from the code: `make docs`.

Each provider has a page of its own, `docs/providers/<name>.md`. In the other pages a generated table is between
`<!-- name -->` and `<!-- end -->`. A test fails while a file on disk differs from what this module would write.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

from usage_ledger.airflow.native import NATIVE
from usage_ledger.contracts.registry import contract
from usage_ledger.core.project import ROOT, local_folder
from usage_ledger.local.accounts import sandbox_command
from usage_ledger.model import (
    Catalogue,
    Fixed,
    HeaderKey,
    HttpPages,
    Listing,
    Objects,
    PerSetting,
    Provider,
    QueryJob,
    Report,
    RowSet,
)
from usage_ledger.providers import PROVIDERS
from usage_ledger.warehouse.marts import mart_comments, mart_name, marts

PAGES = (ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("connect", "focus", "query", "reliability")))
GENERATED = re.compile(r"(<!-- ([a-z]+)(?::(\w+))? -->\n)(.*?)(<!-- end -->)", re.DOTALL)

# How a declaration is read. What the model calls things is known here alone.


def request_path(report: Report) -> str:
    """The path that a report is fetched from, with its placeholders."""
    match report.source:
        case HttpPages(request=request) | QueryJob(request=request):
            return request.path
        case Objects(prefix=prefix):
            return prefix


def repeated_for(report: Report) -> str:
    """What a report is asked for one by one, such as `user`; '' when it is asked once."""
    match report.source.per if isinstance(report.source, HttpPages) else None:
        case Listing(label=label) | Catalogue(Listing(per=Listing(label=label))):
            return label
        case PerSetting() as per:
            return per.name
        case Fixed(label):
            return label
    return ""


def refused_keys(provider: Provider) -> tuple[tuple[str, str], ...]:
    """What keys of a wrong kind begin with, and what they are."""
    return provider.auth.other_keys if isinstance(provider.auth, HeaderKey) else ()


def other_identities(provider: Provider) -> list[tuple[str, str]]:
    """What may ask instead of a key, and the package that it needs."""
    rows = []
    if provider.auth.machine:
        native = NATIVE[type(provider.auth)]
        rows.append(("without a key", f"`credential`: an Airflow connection of type `{native}`, or `machine`"))
    if provider.auth.extra:
        rows.append(("package", f'`pip install "usage-ledger[{provider.auth.extra}]"`'))
    return rows


def connect_command(provider: Provider) -> str:
    """The command that connects an account, with the settings that it cannot do without."""
    needed = [one for one in provider.settings if one.required]
    settings = "".join(f" --setting {one.name}{'' if one.secret else '=…'}" for one in needed)
    return f"```\nusage-ledger connect {provider.name} my_{provider.name} --account …{settings}\n```\n"


def account_proofs(provider: Provider) -> list[str]:
    """What tells the account that a key belongs to."""
    proofs = [f"`{provider.accounts.request.path}`, once a run"] if provider.accounts.id else []
    if header := provider.account_header:
        ids = "" if re.fullmatch(header.pattern, "any_id") else f", where it and `account` are ids (`{header.pattern}`)"
        proofs.append(f"the header `{header.name}` of every answer{ids}")
    return proofs + [f"`{one.account}` in the rows of `{one.name}`" for one in provider.reports if one.account]


def form_fields(provider: Provider) -> list[tuple[str, str, str]]:
    """The fields that a connection has beyond its key: name, label, help."""
    return [(one.name, one.label, one.help) for one in (provider.account, *provider.settings)]


def name_kinds(report: Report) -> str:
    """The kinds of names that a snapshot gives, in words."""
    kinds = sorted({name.kind for row_set in report.row_sets for name in row_set.names})
    return ", ".join(kinds).replace("_", " ")


# Tables


def table(head: str, rows: list[tuple[str, ...]]) -> str:
    """A Markdown table; the heading cells are separated by ` | `."""
    cells = [tuple(head.split(" | ")), ("---",) * (head.count(" | ") + 1), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


def plain(text: str) -> str:
    """A text in which Markdown sees no tag."""
    return text.replace("<", "&lt;")


def code(values: list[str] | tuple[str, ...], separator: str = ", ") -> str:
    """Each value once, as code."""
    return separator.join(f"`{value}`" for value in dict.fromkeys(values))


def columns(name: str) -> str:
    """The columns of a data contract."""
    return table(
        "Column | Type | Unit | Description",
        [(f"`{one.name}`", one.type, one.unit, one.description) for one in contract(name).columns],
    )


def mart_columns() -> str:
    """Every mart with its description and columns, from the comments at the head of its file."""
    parts = []
    for path in marts():
        about, described = mart_comments(path)
        rows = [(f"`{name}`", text) for name, text in described.items()]
        name = f"marts.{mart_name(path)}"
        parts.append(
            f"<details>\n<summary><code>{name}</code></summary>\n\n{about}\n\n"
            f"{table('Column | Description', rows)}\n</details>\n"
        )
    return "\n".join(parts)


def day_of(report: Report) -> str:
    """Whose days a report has, or that it has none."""
    if report.snapshot:
        return "snapshot, fetched daily"
    return "UTC" if report.day == "UTC" else "the connection's time zone"


def grain(report: Report) -> str:
    """One row per what."""
    if report.snapshot:
        return f"{name_kinds(report)}, as it is today" if name_kinds(report) else "the answer as it is today"
    named = [one.column for row_set in report.row_sets for one in row_set.dimensions if one.column != "currency"]
    return f"day × {code(named)}"


def fills(report: Report) -> str:
    """Where the rows of a report go."""
    if report.snapshot:
        total = "`marts.running_totals`" if report.running_totals else "raw storage"
        return "`ledger.name`" if name_kinds(report) else total
    return code([f"ledger.{name}" for name in report.tables])


def providers() -> str:
    """One row a provider, for the README."""

    def names(provider: Provider, keep: Callable[[Report], bool]) -> str:
        return code([report.name for report in provider.reports if keep(report)]) or "none"

    rows = [
        (
            f"[{one.title}](docs/providers/{one.name}.md)",
            described(_docstring(one))[""].partition(": ")[2].partition(". ")[0].rstrip("."),
            names(one, lambda report: "usage_daily" in report.tables),
            names(one, lambda report: "cost_daily" in report.tables),
            names(one, lambda report: report.snapshot),
            " and ".join(dict.fromkeys(day_of(report) for report in one.reports if not report.snapshot)),
        )
        for one in PROVIDERS.values()
    ]
    return table("Provider | Counts | Usage | Cost | Names and snapshots | Days", rows)


def keys() -> str:
    """Which key and which account a connection needs, one row a provider."""
    rows = [
        (
            f"[{one.title}](providers/{one.name}.md)",
            f"`{one.name}`",
            one.key_help,
            "; ".join(plain(help_text.rstrip(".")) for name, _, help_text in form_fields(one) if name == "account"),
            "; ".join(f"`{start}…`: {what}" for start, what in refused_keys(one)),
        )
        for one in PROVIDERS.values()
    ]
    return table("Needs | In commands | Key | Account | Refused", rows)


def sandbox() -> str:
    """A command a provider, which connects the account that the sandbox serves, whatever folder the project is in."""
    lines = [sandbox_command(name, host="http://127.0.0.1:8600") for name in PROVIDERS]
    return "```\n" + "\n".join(lines).replace(str(local_folder()), "$PWD/.local") + "\n```\n"


def accounts() -> str:
    """How it is noticed that a key is another account's, one row a provider."""
    untold = "nothing: it cannot tell whose a key is"
    return table(
        "Provider | What tells the account of a key",
        [(one.title, "; ".join(account_proofs(one)) or untold) for one in PROVIDERS.values()],
    )


def sellers() -> str:
    """Who sells each provider's service, and what FOCUS calls it."""
    rows = []
    for one in PROVIDERS.values():
        bills = [row_set for report in one.reports for row_set in report.row_sets if row_set.table == "cost_daily"]
        if bills:
            who = one.seller.name or one.title
            host = who if one.seller.host else "as the line says"
            parts = any(dimension.column == "project_id" for row_set in bills for dimension in row_set.dimensions)
            part = one.seller.part if parts else "none"
            rows.append((one.title, who, one.seller.service or one.title, host, one.account.label, part))
    return table("Provider | Sells | `ServiceName` | Runs it | An account is | A sub account is", rows)


TABLES: dict[str, Callable[..., str]] = {
    "accounts": accounts,
    "columns": columns,
    "marts": mart_columns,
    "providers": providers,
    "keys": keys,
    "sandbox": sandbox,
    "sellers": sellers,
}


def with_tables(text: str) -> str:
    """The text with every generated table written again."""
    return GENERATED.sub(
        lambda match: (
            match[1] + TABLES[match[2]](*filter(None, [match[3]])) + match[5] if match[2] in TABLES else match[0]
        ),
        text,
    )


# A page a provider

SECTIONS = {
    "Measures": "What it measures",
    "Grain": "Grain",
    "Units": "Units",
    "Token meaning": "What a token count includes",
    "Accuracy": "Accuracy",
    "Limits": "Limits",
    "Reach": "Reach",
    "Lag": "Lag",
    "Cost of asking": "What asking costs",
    "The record": "Which figure is the record",
    "Rights": "Rights",
    "Not given": "What is not given",
    "Snapshots": "Snapshots",
    "Privacy": "Privacy",
    "Source": "Source",
    "Last checked": "Date checked",
}
"""The labels of a provider file's docstring, and what the page calls them."""


def _docstring(provider: Provider) -> str:
    return sys.modules[f"usage_ledger.providers.{provider.name}"].__doc__ or ""


def described(docstring: str) -> dict[str, str]:
    """A provider file's docstring, cut at its labels: heading → text. The summary is under ''."""
    text = " ".join(docstring.split())
    parts = re.split(rf"(?:^|(?<=[.)] ))({'|'.join(SECTIONS)}): ", text)
    return {"": parts[0].strip()} | {
        SECTIONS[label]: body.strip() for label, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def sentence(text: str) -> str:
    """The text with a capital at its beginning and a full stop at its end."""
    text = text.strip()
    return text[:1].upper() + text[1:].rstrip(".") + "."


def row_set_cells(report: Report, row_set: RowSet) -> tuple[str, ...]:
    """One array of an answer: which rows it gives."""
    cut = f"`{row_set.breakdown}`" if row_set.breakdown else "record"
    if report.yields_to and not row_set.breakdown:
        cut += f", or `{report.name}` where `{report.yields_to}` has the date"
    kind = dict(row_set.constants).get("usage_type", "")
    return (
        f"`{report.name}`",
        f"`{row_set.path}`",
        f"`{kind}`" if kind else "as sent",
        code([meter.column for meter in row_set.meters]),
        f"`{row_set.basis}`",
        cut,
    )


def report_cells(report: Report) -> tuple[str, ...]:
    """One report: where it is fetched from and what its rows are."""
    batch = report.source.batch if isinstance(report.source, HttpPages) else None
    each = f", once per {repeated_for(report)}" if repeated_for(report) else ""
    each = f", once per {batch.size} {repeated_for(report)}s" if batch else each
    named = ", only where the YAML's `reports` names it" if report.opt_in else ""
    return f"`{report.name}`", f"`{request_path(report)}`{each}{named}", grain(report), fills(report), day_of(report)


def window_cells(report: Report) -> tuple[str, ...]:
    """How far one request and the provider's history go."""
    reach = f"{report.reach.days} days" if report.reach else "no limit known"
    longest = "1 day" if report.longest.days == 1 else f"{report.longest.days} days"
    return f"`{report.name}`", longest, reach, f"{report.settle_days} days"


def privacy(provider: Provider) -> str:
    """What never reaches storage as it was sent."""
    rows = [
        (f"`{report.name}`", code(report.cut) or "nothing", code(report.pseudonyms) or "nothing")
        for report in provider.reports
        if report.cut or report.pseudonyms
    ]
    return table("Report | Dropped before storage | Replaced by a pseudonym", rows) if rows else ""


def rights(provider: Provider) -> list[str]:
    """What to paste: each policy or role in a file of its own."""
    files = sorted((ROOT / "docs" / "rights").glob(f"{provider.name}*.json"))
    return [f"```json\n{path.read_text(encoding='utf-8').rstrip()}\n```\n" for path in files]


def provider_page(provider: Provider) -> str:
    """The whole page of a provider."""
    notes = described(_docstring(provider))
    facts = [report for report in provider.reports if not report.snapshot]
    source = notes.pop("Source", "").rstrip(".")
    settings = [("provider", f"`{provider.name}`"), ("key", provider.key_help)] + [
        (label.lower(), plain(help_text)) for _, label, help_text in form_fields(provider)
    ]
    settings += [("refused", f"`{start}…`: {what}") for start, what in refused_keys(provider)]
    settings += other_identities(provider)
    settings += [
        ("hosts", code(provider.hosts)),
        ("requests", f"at most {provider.requests_per_minute:,} a minute for an account, spaced evenly"),
        ("pool", f"`{provider.name}`, {provider.pool_slots} slots"),
        ("documentation", source or provider.docs),
        ("date checked", notes.pop("Date checked", "never").rstrip(".")),
    ]
    parts = [
        f"# {provider.title}\n\n<!-- Written by `make docs` from usage_ledger/providers/{provider.name}.py. -->\n",
        sentence(notes.pop("").removeprefix(f"{provider.title}: ")) + "\n",
        connect_command(provider),
        table("Connection | Value", settings),
        "## Reports\n",
        table("Report | Fetched from | One row per | Fills | Days", [report_cells(one) for one in provider.reports]),
        "## Meters\n",
        table(
            "Report | Array | Usage type | Meters | Basis | Breakdown",
            [row_set_cells(report, row_set) for report in facts for row_set in report.row_sets if row_set.table],
        ),
        "A `record` adds up to the total once. A named breakdown is another cut of the same traffic: add only one.\n",
        "## Windows\n",
        table("Report | Longest window | History | Look-back", [window_cells(one) for one in facts]),
    ]
    for heading, text in notes.items():
        if heading != "Privacy":
            parts.append(f"## {heading}\n\n{sentence(text)}\n")
        if heading == "Rights":
            parts += rights(provider)
    if "Privacy" in notes or privacy(provider):
        parts += [
            "## Privacy\n",
            *(f"{sentence(notes[one])}\n" for one in ("Privacy",) if one in notes),
            privacy(provider),
        ]
    return "\n".join(part for part in parts if part)


def generated() -> dict[Path, str]:
    """Every file that this module writes, as it should be."""
    pages = {path: with_tables(path.read_text(encoding="utf-8")) for path in PAGES}
    folder = ROOT / "docs" / "providers"
    return pages | {folder / f"{one.name}.md": provider_page(one) for one in PROVIDERS.values()}


def main() -> None:
    """Write each file, and remove the page of a provider that is gone."""
    files = generated()
    for path in (ROOT / "docs" / "providers").glob("*.md"):
        if path not in files:
            path.unlink()
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
