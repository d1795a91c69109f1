"""With several workers a group of tests stays together, since its tests share databases or one local stack."""

import re
import subprocess
import sys
from pathlib import Path

from kit.groups import STACK, WHEEL, group_of, start_order

from usage_ledger.core.project import ROOT

CONFTEST = """
from kit.groups import GroupScheduling

def pytest_xdist_make_scheduler(config, log):
    return GroupScheduling(config, log)
"""
TESTS = """
import pytest

@pytest.mark.parametrize("number", range(6))
def test_number(number):
    pass
"""
RAN = re.compile(r"^\[(gw\d)\] .*PASSED (\S+)::", re.MULTILINE)


def test_a_worker_takes_a_whole_group(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    files = {f"test_{letter}.py" for letter in "abcd"}
    for name in files:
        (tmp_path / name).write_text(TESTS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-v", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ran = RAN.findall(done.stdout)
    assert len(ran) == 6 * len(files)
    assert len(set(ran)) == len(files), "a file was split between workers"
    assert {worker for worker, _ in ran} == {"gw0", "gw1"}


def test_all_that_uses_the_stack_is_one_group_and_starts_first() -> None:
    tests = [f"{path.relative_to(ROOT)}::test" for path in sorted((ROOT / "tests").rglob("test_*.py"))]
    users = {test for test in tests if re.search(r"\bstack: Stack\b", (ROOT / test[:-6]).read_text(encoding="utf-8"))}
    assert len(users) >= 4
    assert {test for test in tests if group_of(test) == STACK} == users
    assert group_of(min(tests, key=start_order)) == STACK
    of_wheel = {test for test in tests if test.startswith(WHEEL)}
    assert {test for test in tests if group_of(test) == WHEEL} == of_wheel
    assert len({group_of(test) for test in tests}) == len(tests) - len(users) + 1 - len(of_wheel) + 1
