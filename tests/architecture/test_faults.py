"""Every fault of the catalogue has exactly one test, and the record of the last whole run says how each ended."""

import json
import re
from collections import Counter

from kit.catalogue import CASES, RECORD, case_of, numbers

from usage_ledger.core.project import ROOT

DEFINED = re.compile(r"^def (test_[a-z][0-9]{1,2}_\w+)", re.MULTILINE)


def cases_with_a_test() -> Counter[str]:
    found: Counter[str] = Counter()
    for folder in ("faults", "security"):
        for path in sorted((ROOT / "tests" / folder).glob("test_*.py")):
            for name in DEFINED.findall(path.read_text(encoding="utf-8")):
                found[case_of(f"{path.relative_to(ROOT)}::{name}") or name] += 1
    return found


def test_every_fault_has_exactly_one_test() -> None:
    assert sum(CASES.values()) == 156
    assert cases_with_a_test() == Counter(numbers())


def test_the_record_lists_every_fault_and_a_reason_for_each_that_was_skipped() -> None:
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    assert list(record) == numbers()
    for number, entry in record.items():
        assert case_of(entry["test"]) == number
        assert entry["state"] in ("passed", "skipped")
        assert ("reason" in entry) == (entry["state"] == "skipped")
