"""Documents found by path globs, a page at a time, over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from coco_core.filters import Filters, matches_path
from coco_server.domain.cursors import cursor_behind
from coco_server.search.conditions import conditions
from tests.api_service import Org, Running

SEARCH = "/v1/docs/documents/search"
TEXTS = {
    f"part{number % 7}/deep/page{number:03}.{'md' if number % 3 else 'py'}": "a zebra"
    for number in range(120)
}
# More than the 32 expressions that PostgreSQL keeps.
MANY = [f"part{number % 7}/**/page{number:03}.*" for number in range(0, 120, 2)]
FILTERS: list[dict[str, Any]] = [
    {"include": ["*.py"]},
    {"include": MANY},
    {"include": MANY, "exclude": ["*.py", "part3"]},
    {"exclude": MANY},
    {"include": ["*page0[1-3]?*"], "languages": ["python"]},
    {"include": ["nowhere/**"]},
]


@pytest.fixture(scope="module")
def zoo(service: Running) -> Org:
    org = service.org("Zoo").with_project()
    org.build(TEXTS)
    return org


def test_conditions_leave_path_globs_to_the_process() -> None:
    assert conditions(Filters(include=("*.py",), narrowed=(("a",),), exclude=("b",))) is None


@pytest.mark.parametrize("filters", FILTERS, ids=range(len(FILTERS)))
def test_globs_find_what_the_core_says(service: Running, zoo: Org, filters: dict[str, Any]) -> None:
    paths = Filters(
        include=tuple(filters.get("include", ())), exclude=tuple(filters.get("exclude", ()))
    )
    # The rows of the tests are all of no language.
    wanted = sorted(
        doc_id for doc_id in TEXTS if matches_path(paths, doc_id) and "languages" not in filters
    )
    with service.client(zoo.headers) as client:
        answer = client.post(SEARCH, json={"filters": filters, "limit": 1000})
        assert answer.status_code == 200, answer.text
        assert [each["doc_id"] for each in answer.json()["data"]["documents"]] == wanted
        gone = client.post("/v1/docs/documents/delete", json={"filters": filters, "dry_run": True})
        assert gone.json()["data"]["count"] == len(wanted)


def test_pages_of_a_search_follow_each_other(service: Running, zoo: Org) -> None:
    found: list[str] = []
    cursor = ""
    with service.client(zoo.headers) as client:
        while cursor is not None:
            body = {"filters": {"include": ["*.py"]}, "limit": 7, "cursor": cursor}
            page = client.post(SEARCH, json=body).json()["data"]
            found += [each["doc_id"] for each in page["documents"]]
            cursor = page["next_cursor"]
    assert found == sorted(each for each in TEXTS if each.endswith(".py"))


@pytest.mark.parametrize(
    "cursor",
    [
        "garbage",
        "part1/deep/page001.md",
        "äöü",
        "====",
        cursor_behind("part1/deep/page001.md")[:-1],
        cursor_behind("part1/deep/page001.md") + "A",
        cursor_behind("part1/deep/page001.md") + "=",
        cursor_behind(""),
    ],
)
def test_a_cursor_that_no_page_gave_is_refused(service: Running, zoo: Org, cursor: str) -> None:
    with service.client(zoo.headers) as client:
        _refused(client.get("/v1/docs/documents", params={"cursor": cursor}))
        _refused(client.post(SEARCH, json={"cursor": cursor}))


def test_a_cursor_goes_on_behind_a_document_that_is_gone(service: Running, zoo: Org) -> None:
    behind = cursor_behind("part1/gone")
    with service.client(zoo.headers) as client:
        page = client.get("/v1/docs/documents", params={"cursor": behind}).json()["data"]
    assert page["documents"][0]["doc_id"] == min(each for each in TEXTS if each > "part1/gone")


@pytest.mark.parametrize("doc_id", ["x" * 1024, "\U0001f993" * 1024])
def test_a_cursor_takes_the_longest_id(doc_id: str, service: Running, zoo: Org) -> None:
    with service.client(zoo.headers) as client:
        answer = client.post(SEARCH, json={"cursor": cursor_behind(doc_id)})
    assert answer.status_code == 200, answer.text


def _refused(answer: httpx.Response) -> None:
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert "cursor" in error["message"]
    assert "next_cursor" in error["hint"]
