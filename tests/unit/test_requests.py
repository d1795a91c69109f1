"""What a declared request becomes: placeholders, bodies, origins; and what a declaration may not say."""

import json
from dataclasses import replace

import pytest
from kit.asking import KEY, PROVIDER, Asking, Server, http

from usage_ledger.core.contract_errors import Shape
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.provider_errors import HostRefused
from usage_ledger.http.body import Limits
from usage_ledger.http.fill import fill_path, fill_request
from usage_ledger.http.page import Call
from usage_ledger.model import Cursor, Offset, Request, Template

VALUES = {"account": "a/b", "start": "2026-11-17T00:00:00Z", "start_epoch": 1_795_046_400, "region": "us-east-1"}
QUERY = Request(
    "/v1/{account}/query",
    (("start", "{start}"), ("literal", "{start} "), ("group_by", ("x", "y"))),
    method="POST",
    reads_only=True,
    body='{"from": "{start}", "epoch": "{start_epoch}", "deep": [{"region": "{region}"}], "size": 500, "flag": true}',
)


def test_placeholders_become_segments_values_and_numbers() -> None:
    call = fill_request(QUERY, VALUES, PROVIDER)
    assert call.path == "/v1/a%2Fb/query"
    assert call.query == (("start", "2026-11-17T00:00:00Z"), ("literal", "{start} "), ("group_by", ("x", "y")))
    assert json.loads(call.body) == {
        "from": "2026-11-17T00:00:00Z",
        "epoch": 1_795_046_400,
        "deep": [{"region": "us-east-1"}],
        "size": 500,
        "flag": True,
    }


def test_a_template_is_filled_within_a_query_whose_braces_stay() -> None:
    text = 'sum by (model) ({metric}{account="{account}", le="{le}"}) or {start_epoch} {unknown+1}'
    request = Request("/q", (("query", Template(text)), ("start", "{start_epoch+300}"), ("end", "{start_epoch-1}")))
    query = dict(fill_request(request, VALUES | {"metric": "tokens:rate5m"}, PROVIDER).query)
    assert query["query"] == ('sum by (model) (tokens:rate5m{account="a/b", le="{le}"}) or 1795046400 {unknown+1}')
    assert (query["start"], query["end"]) == ("1795046700", "1795046399")
    for value in ('x"} or {', "x'", "x\\", "x\n"):
        with pytest.raises(ConfigError, match="cannot be part of a query"):
            fill_request(request, VALUES | {"account": value}, PROVIDER)


def test_a_statement_is_filled_with_identifiers_and_its_values_are_parameters() -> None:
    request = Request(
        "/q",
        method="POST",
        reads_only=True,
        body='{"query": "{statement}", "at": "{start}"}',
        statement=Template("SELECT '{x}' FROM `{table}` WHERE day >= @start"),
    )
    body = json.loads(fill_request(request, VALUES | {"table": "a.b.c"}, PROVIDER).body)
    assert body == {"query": "SELECT '{x}' FROM `a.b.c` WHERE day >= @start", "at": VALUES["start"]}
    with pytest.raises(ConfigError, match="cannot be part of a query"):
        fill_request(request, VALUES | {"table": "a` UNION SELECT 1 FROM `b"}, PROVIDER)


def test_a_whole_id_in_a_path_has_its_slashes_and_nothing_that_leads_elsewhere() -> None:
    assert fill_path("/{+id}/metrics/{id}", {"id": "/subscriptions/a b/accounts/x"}) == (
        "/subscriptions/a%20b/accounts/x/metrics/%2Fsubscriptions%2Fa%20b%2Faccounts%2Fx"
    )
    assert fill_path("/{+id}", {"id": "a?b/{x}#c"}) == "/a%3Fb/%7Bx%7D%23c"
    for value in ("a/../b", "a/./b", "a//b", "//evil.example/a", "a/", "/", "", ".."):
        with pytest.raises(ConfigError, match="cannot be an id"):
            fill_path("/{+id}", {"id": value})


def test_a_post_that_is_not_declared_to_read_only_is_refused() -> None:
    with pytest.raises(ConfigError, match="only reads"):
        Request("/v1/query", method="POST", body="{}")


def test_a_body_that_is_not_json_and_a_get_with_a_body_are_refused() -> None:
    with pytest.raises(ConfigError, match="not JSON"):
        Request("/v1/query", method="POST", reads_only=True, body="{start}")
    with pytest.raises(ConfigError, match="GET with a body"):
        Request("/v1/query", body="{}")


def test_a_post_is_sent_with_its_body_again_after_a_failure(scripted: Server) -> None:
    server = scripted(http("{}", "503 Busy"), http('{"a": 1}'))
    asking = Asking(server)
    with asking.client as client:
        assert client.ask(fill_request(QUERY, VALUES, PROVIDER)).body == b'{"a": 1}'
    assert len(asking.waits) == 1
    heads = [request.partition(b"\r\n\r\n")[0].decode() for request in server.requests]
    assert [head.split(" ")[0] for head in heads] == ["POST", "POST"]
    assert all("content-type: application/json" in head.lower() and KEY in head for head in heads)


def test_a_base_with_a_label_leads_to_a_declared_host_alone() -> None:
    provider = replace(PROVIDER, hosts=("api.fireworks.ai", "metrics.{region}.example.com"))
    regional = Request("/", base="https://metrics.{region}.example.com")
    assert fill_request(regional, VALUES, provider).origin == "https://metrics.us-east-1.example.com"
    for region in ("evil.example/", "a.b", "x@evil.example"):
        with pytest.raises(HostRefused):
            fill_request(regional, VALUES | {"region": region}, provider)
    assert fill_request(regional, VALUES, provider, "http://127.0.0.1:1").origin == ""


def test_a_token_may_go_into_the_body(scripted: Server) -> None:
    server = scripted(http('{"next": "t1"}'), http("{}"))
    call = Call("/v1/query", method="POST", body='{"size": 2}')
    with Asking(server).client as client:
        pages = list(client.pages(call, Cursor("next", "token", into="body")))
    assert [json.loads(page.call.body) for page in pages] == [{"size": 2}, {"size": 2, "token": "t1"}]


def items(count: int, **fields: object) -> bytes:
    return http(json.dumps({"data": [{"n": n} for n in range(count)], **fields}))


@pytest.mark.parametrize(
    ("replies", "counts"),
    [
        ([items(50, total=130), items(50, total=130), items(30, total=130)], [50, 50, 30]),
        ([items(50), items(30), items(50), items(0)], [50, 30, 50, 0]),
        ([items(0)], [0]),
        ([items(3, total=None), items(0, total=None)], [3, 0]),
    ],
    ids=["to the total", "past a short page to an empty one", "nothing", "a total of null"],
)
def test_an_offset_ends_at_the_total_or_at_an_empty_page(
    scripted: Server, replies: list[bytes], counts: list[int]
) -> None:
    server = scripted(*replies)
    with Asking(server).client as client:
        pages = list(client.pages(Call("/v1/x"), Offset("data", "offset", "total")))
    assert [len(json.loads(bytes(page.body))["data"]) for page in pages] == counts
    assert [dict(page.call.query).get("offset") for page in pages[1:]] == [
        str(sum(counts[: n + 1])) for n in range(len(pages) - 1)
    ]


def test_the_items_of_a_page_too_large_to_hold_are_counted(scripted: Server) -> None:
    large = http(json.dumps({"data": [{"n": n, "pad": "x" * 900} for n in range(5000)], "total": 5001}))
    server = scripted(large, items(1, total=5001))
    with Asking(server, limits=Limits()).client as client:
        pages = list(client.pages(Call("/v1/x"), Offset("data", "offset", "total")))
    assert [dict(page.call.query).get("offset") for page in pages] == [None, "5000"]


@pytest.mark.parametrize("fields", ['{"data": 7}', '{"data": [], "total": "x"}', '{"data": [], "total": true}', "{}"])
def test_an_offset_over_another_shape_is_refused(scripted: Server, fields: str) -> None:
    with Asking(scripted(http(fields))).client as client, pytest.raises(Shape):
        list(client.pages(Call("/v1/x"), Offset("data", "offset", "total")))
