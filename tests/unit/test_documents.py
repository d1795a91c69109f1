"""JSON documents one after another: the list of them, each as it stands there."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_ledger.json.documents import as_list

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def joined(text: bytes, size: int = 7) -> bytes:
    return b"".join(as_list(text[at : at + size] for at in range(0, len(text), size)))


@given(st.lists(st.dictionaries(st.text(), values)), st.sampled_from(["", "\n", " \r\n\t", "\x1e"]), st.booleans())
def test_documents_are_what_the_standard_library_reads(
    documents: list[dict[str, object]], between: str, escaped: bool
) -> None:
    text = between.join(json.dumps(one, ensure_ascii=escaped) for one in documents)
    assert json.loads(joined(text.encode(errors="surrogatepass"))) == {"documents": documents}


def test_literals_stay_and_lists_count_as_their_items() -> None:
    text = b'\xef\xbb\xbf{"a":1.10} {"b":"\\ud800"}[{"c":1e3}, {"d":[ ]}]\n[]\x1e{"e":2}\n'
    assert joined(text) == b'{"documents":[{"a":1.10},{"b":"\\ud800"},{"c":1e3}, {"d":[ ]},{"e":2}]}'


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b'{"a":1}{"b":', "begins at byte 7 is cut off"),
        (b'{"a":1}\n\n<html>', "begins at byte 9"),
        (b'{"a":1},{"b":2}', "begins at byte 7"),
        (b'{"a":01}', "begins at byte 0"),
    ],
)
def test_what_is_no_document_is_named_by_its_place(text: bytes, place: str) -> None:
    with pytest.raises(msgspec.DecodeError, match=place):
        joined(text)


def test_text_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        joined(b'{"a":"\xff"}')
