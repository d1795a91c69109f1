"""XML answers become JSON, and what is none, or could do harm, stays as it is."""

import json

import pytest

from usage_ledger.http.xml_body import LARGEST, as_json

IDENTITY = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult><Account>111122223333</Account><Arn>arn:aws:iam::111122223333:user/a&amp;b</Arn></GetCallerIdentityResult>
  <ResponseMetadata><RequestId/></ResponseMetadata>
</GetCallerIdentityResponse>"""


def test_a_document_becomes_objects_and_texts() -> None:
    assert json.loads(as_json(IDENTITY)) == {
        "GetCallerIdentityResponse": {
            "GetCallerIdentityResult": {"Account": "111122223333", "Arn": "arn:aws:iam::111122223333:user/a&b"},
            "ResponseMetadata": {"RequestId": ""},
        }
    }


def test_parts_of_one_name_are_a_list() -> None:
    assert json.loads(as_json(b"<a><b>1</b><b>2</b><b><c>3</c></b></a>")) == {"a": {"b": ["1", "2", {"c": "3"}]}}


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1}',
        b"",
        b"<a><b></a>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b"<!doctype html><html><body>no</body></html>",
        b"<a>" * 9000 + b"</a>" * 9000,
        b"<a>" + b" " * LARGEST + b"</a>",
    ],
    ids=["JSON", "nothing", "broken", "entities", "a web page", "deep", "large"],
)
def test_anything_else_stays_as_it_is(body: bytes) -> None:
    assert as_json(body) == body
