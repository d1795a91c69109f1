"""A scrubbed document is the document without what was cut, whether it fits into memory or comes in parts."""

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from usage_ledger.core.project import ROOT
from usage_ledger.core.pseudonym import pseudonym
from usage_ledger.json.packed import Packed
from usage_ledger.json.scrub import Scrubber

CUT = ("items/*/key", "items/*/note", "secret", "deep/*/list/*/x", "*/key")
PEOPLE = ("items/*/who/email", "owner", "*/who/email", "items/*/note/email")

scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.sampled_from(["", "a@b.example", "},{", '"\\'])
rows = st.fixed_dictionaries(
    {"n": scalars},
    optional={"key": scalars, "note": scalars, "who": scalars | st.fixed_dictionaries({"email": scalars})},
)
documents = st.lists(rows, max_size=30) | st.fixed_dictionaries(
    {"items": st.lists(rows, max_size=30) | scalars},
    optional={
        "secret": scalars | st.lists(rows, max_size=5),
        "owner": scalars,
        "more": st.lists(rows, max_size=9),
        "deep": st.lists(st.fixed_dictionaries({"list": st.lists(st.dictionaries(st.sampled_from("xy"), scalars))})),
    },
)


@pytest.fixture(autouse=True, scope="module")
def key() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("USAGE_LEDGER_PSEUDONYM_KEY", "x" * 32)
        yield


def packed(body: bytes) -> Packed:
    found = Packed()
    found.add(body)
    found.close()
    return found


def expected(value: Any, cut: tuple[str, ...], people: tuple[str, ...], path: str = "") -> Any:
    """The same by hand: no tree, no parts."""
    if path in people and isinstance(value, str) and value:
        return pseudonym(value)
    if isinstance(value, list):
        return [expected(item, cut, people, f"{path}/*".lstrip("/")) for item in value]
    if isinstance(value, dict):
        below = {name: f"{path}/{name}".lstrip("/") for name in value}
        return {name: expected(value[name], cut, people, below[name]) for name in value if below[name] not in cut}
    return value


@settings(max_examples=300, deadline=None, phases=[Phase.generate])
@given(document=documents, size=st.sampled_from([1, 40, 300, 2**22]), indent=st.booleans())
def test_a_document_in_parts_is_scrubbed_as_the_whole_one(document: Any, size: int, indent: bool) -> None:
    body = json.dumps(document, indent=1 if indent else None).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("usage_ledger.json.scrub.PART", size)
        scrubbed = Scrubber(CUT, PEOPLE).scrub(packed(body))
    assert isinstance(scrubbed, Packed)
    assert json.loads(bytes(scrubbed)) == expected(document, CUT, PEOPLE)
    assert json.loads(bytes(Scrubber(CUT, PEOPLE).scrub(body))) == expected(document, CUT, PEOPLE)


def test_literals_keep_their_form_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usage_ledger.json.scrub.PART", 50)
    body = b'{"items":[' + b",".join([b'{"key":"s","n":1.10,"big":9007199254740993,"t":"\\u00e9"}'] * 20) + b"]}"
    scrubbed = bytes(Scrubber(("items/*/key",)).scrub(packed(body)))
    assert scrubbed == body.replace(b'"key":"s",', b"")


def test_what_needs_no_scrubbing_is_not_copied() -> None:
    large = packed(b'{"items": []}')
    assert Scrubber().scrub(large) is large


MEASURED = """
import re
from pathlib import Path
from usage_ledger.json.packed import Packed
from usage_ledger.json.scrub import Scrubber
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
row = b'{"actor":{"email_address":"somebody@example.com"},"n":1,"secret":"something long","pad":"' + b"y" * 400 + b'"}'
body = Packed()
body.add(b'{"data":[' + row)
for _ in range(24 * 2**20 // len(row)):
    body.add(b"," + row)
body.add(b"]}")
body.close()
base = peak()
out = Scrubber(("data/*/secret",), ("data/*/actor/email_address",)).scrub(body)
assert len(body) > 24 * 2**20 and len(out) < len(body)
print(peak() - base)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc, which counts from the program's start")
def test_the_memory_of_scrubbing_does_not_grow_with_the_document() -> None:
    """24 MiB in whole take more than 100 MiB; in parts they take about 25."""
    done = subprocess.run([sys.executable, "-c", MEASURED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 70, done.stdout
