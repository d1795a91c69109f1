"""The two checkers of FOCUS, which run in an environment of their own: the official validator, and a lint for 1.4."""

import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from usage_ledger.core.project import ROOT

ENVIRONMENT = ROOT / ".venv-focus"
RULES = "model-1.2.0.1.json"
SUPPORTED = (
    "ACCOUNT_NAMING_SUPPORTED",
    "BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED",
    "MULTIPLE_PRICING_CATEGORIES_SUPPORTED",
    "MULTIPLE_SUB_ACCOUNT_TYPES_SUPPORTED",
    "NEGOTIATED_PRICING_SUPPORTED",
    "PRICING_BILLING_CURRENCY_DIFFERENCES_SUPPORTED",
    "PUBLIC_PRICE_LIST_SUPPORTED",
    "REGION_SUPPORTED",
    "RESOURCE_TYPE_ASSIGNMENT_SUPPORTED",
    "SUB_ACCOUNT_SUPPORTED",
    "TAGGING_SUPPORTED",
    "UNIT_PRICING_SUPPORTED",
    "USAGE_MEASUREMENT_SUPPORTED",
)
"""What our bills have, in the validator's words: without them it leaves most of its rules out."""
LINTED = ("SupportsUnitPricing", "SupportsMultiplePricingCategories")
CONTRADICTIONS = {"InvoiceId-C-005-C": "https://github.com/finopsfoundation/focus_validator/issues/142"}
"""Rules that no file can keep, each with where that is said: an InvoiceId must be null, and must not be null."""
CONDITIONS = 13


@cache
def repaired_rules() -> Path:
    """A folder with the validator's rules, of which 13 would otherwise never be tried.

    Their condition, that a line is no correction, is read as `ChargeClass IS NOT NULL AND <> 'Correction'`, which is
    true of no line. See https://github.com/FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec/issues/2681.
    """
    (path,) = ENVIRONMENT.glob(f"lib/python3.*/site-packages/focus_validator/rules/{RULES}")
    rules = json.loads(path.read_text(encoding="utf-8"))
    if (count := _repair(rules)) != CONDITIONS:
        sys.exit(f"make focus: {count} conditions were repaired, not {CONDITIONS}: look at the validator's new rules")
    folder = Path(tempfile.mkdtemp(prefix="focus-rules-"))
    (folder / RULES).write_text(json.dumps(rules), encoding="utf-8")
    return folder


def _repair(part: Any) -> int:
    """Let each condition "is no correction" hold for a line without class; how many there were."""
    if isinstance(part, list):
        return sum(map(_repair, part))
    if not isinstance(part, dict):
        return 0
    if part.get("ColumnName") == "ChargeClass" and part.get("Value") == "Correction":
        if part["CheckFunction"] == "CheckNotValue":
            part |= {"CheckFunction": "CheckValue", "Value": None}
            return 1
        return 0
    return sum(map(_repair, part.values()))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of the official validator: its checks, how many it left out, and the names of those that fail."""

    checks: int
    left_out: int
    failing: list[str]


def official(file: Path) -> Verdict:
    """What the official validator says of a file of 1.2."""
    with tempfile.TemporaryDirectory(prefix="focus-run-") as folder:
        (rules,) = ENVIRONMENT.glob("lib/python3.*/site-packages/focus_validator")
        Path(folder, "focus_validator").symlink_to(rules)  # it looks for its list of currencies below its own folder
        report = Path(folder, "report.xml")
        answer = _run(
            folder,
            *("focus-validator", "--data-file", str(file), "--validate-version", "1.2.0.1", "--block-download"),
            *("--rule-set-path", str(repaired_rules()), "--applicability-criteria", ",".join(SUPPORTED)),
            *("--output-type", "unittest", "--output-destination", str(report)),
        )
        if not report.is_file():
            return Verdict(0, 0, [_last_line(answer)])
        cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314  written a moment ago
    failing = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    left_out = sum(case.find("skipped") is not None for case in cases)
    return Verdict(len(cases), left_out, [case.attrib["name"].split(" ")[0] for case in failing])


def lint(file: Path) -> list[str]:
    """What the lint says against a file of 1.4: nothing, or complaints. Only in CSV it looks for zones."""
    file = _as_csv(file)
    supports = [word for one in LINTED for word in ("--supports", one)]
    answer = _run(
        tempfile.gettempdir(), "focus-toolkit", "validate", "--dataset", "cost-and-usage", *supports, str(file)
    )
    if answer.returncode == 0:
        return []
    return [line.strip() for line in answer.stdout.splitlines() if re.match(r"\s+\S", line)] or [_last_line(answer)]


def _as_csv(file: Path) -> Path:
    lines = pq.read_table(file)
    path = file.with_suffix(".csv")
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(lines.column_names)
        writer.writerows([_as_text(value) for value in row.values()] for row in lines.to_pylist())
    return path


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S") + ("Z" if value.tzinfo else "")
    return "" if value is None else format(value, "f") if isinstance(value, Decimal) else str(value)


def _run(folder: str, program: str, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], "HOME": folder, "TMPDIR": tempfile.gettempdir()}
    return subprocess.run(
        [ENVIRONMENT / "bin" / program, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _last_line(answer: "subprocess.CompletedProcess[str]") -> str:
    return (answer.stderr.strip() or answer.stdout.strip() or "it says nothing").splitlines()[-1]
