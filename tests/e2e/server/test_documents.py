"""Documents on the wire: each change becomes searchable by itself, and nothing else changes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from coco_embed.resolver import Embedders, EmbeddingSettings
from coco_server.domain.cursors import cursor_behind
from coco_server.store import versions
from coco_server.store.orphans import remove_orphans
from coco_server.store.usage import quotas_of
from coco_worker.pipeline import IngestDeps
from coco_worker.worker import Worker
from tests.api_service import Org, Running, running, settings_for
from tests.coco_server.tenants import DIMENSION
from tests.embedding_server import embedding_server
from tests.postgres_server import fresh_database
from tests.waiting import until

DOCUMENTS = "/v1/docs/documents"
# One word for each document, that is no part of another's.
NAMES = ["ash", "birch", "cedar", "dogwood", "elm", "fir"]
NAMES += ["ginkgo", "hazel", "ironwood", "juniper", "kauri", "larch"]
ITEMS: list[dict[str, Any]] = [
    {
        "doc_id": f"guide/page-{number:02}.md",
        "title": f"Page {number}",
        "content": f"Page {number}: {name}",
        "meta": {"tags": ["even" if number % 2 == 0 else "odd"], "author": "Ada"},
    }
    for number, name in enumerate(NAMES)
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = settings_for(fresh_database(), tmp_path_factory.mktemp("blobs"))
    with embedding_server(dimension=DIMENSION) as embedding, running(settings) as found:
        services = found.services
        deps = IngestDeps(
            services.database,
            services.blobs,
            Embedders(EmbeddingSettings(url=embedding.url, dimension=DIMENSION)),
            lambda limits: quotas_of(services.settings, limits),
        )
        worker = Worker(deps, slots=2, poll_seconds=0.05)
        worker.start()
        yield found
        worker.stop(grace_seconds=10)


@pytest.fixture
def org(service: Running) -> Org:
    return service.org("Acme").with_project()


@pytest.fixture
def client(service: Running, org: Org) -> Iterator[httpx.Client]:
    with service.client(org.headers) as client:
        yield client


def _data(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()["data"]


def _job(client: httpx.Client, job_id: str) -> Any:
    def ended() -> Any:
        job = _data(client.get(f"/v1/jobs/{job_id}"))
        return job if job["state"] in {"succeeded", "failed", "cancelled"} else None

    return until(ended, 60)


def _import(client: httpx.Client, **body: object) -> Any:
    started = _data(client.post("/v1/docs/import", json=body), 202)
    job = _job(client, started["job_id"])
    assert job["state"] == "succeeded", job
    return job


def _put(client: httpx.Client, doc_id: str, **body: object) -> Any:
    return _data(client.put(f"{DOCUMENTS}/{doc_id}", json=body, params={"wait": 30}))


def _found(client: httpx.Client, words: str) -> list[str]:
    asked = {"query": words, "retrieval_config": {"retrieval_mode": "fts"}}
    hits = _data(client.post("/v1/docs/query", json=asked))["results"]
    return [hit["chunk"]["doc_id"] for hit in hits]


def _ids(client: httpx.Client, **params: object) -> list[str]:
    listed = _data(client.get(DOCUMENTS, params={"limit": 1000, **params}))
    return [each["doc_id"] for each in listed["documents"]]


def test_a_document_is_put_shown_replaced_and_deleted(client: httpx.Client) -> None:
    _import(client, items=ITEMS)
    doc_id = "notes/2026/über die Brücke.md"
    put = _put(client, doc_id, content="# Head\n\nzebra crossing", title="Z", meta={"own": 1})
    assert (put["doc_id"], put["changed"], put["state"]) == (doc_id, True, "succeeded")
    assert _found(client, "zebra") == [doc_id]
    shown = _data(client.get(f"{DOCUMENTS}/{doc_id}"))
    assert shown["version_id"] == put["version_id"]
    assert shown["document"]["meta"] == {"own": 1}
    assert shown["document"]["title"] == "Z"
    assert "".join(each["content"] for each in shown["chunks"]) == "# Head\n\nzebra crossing"
    assert shown["job"]["job_id"] == put["job_id"]
    _put(client, doc_id, content="giraffe crossing")
    assert _found(client, "zebra") == []
    assert _found(client, "giraffe") == [doc_id]
    gone = _data(client.delete(f"{DOCUMENTS}/{doc_id}", params={"wait": 30}))
    assert (gone["changed"], gone["state"]) == (True, "succeeded")
    assert _found(client, "giraffe") == []
    missing = client.get(f"{DOCUMENTS}/{doc_id}")
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "document_not_found"
    assert client.delete(f"{DOCUMENTS}/{doc_id}").status_code == 404
    # All the others are as they were.
    assert _ids(client) == [each["doc_id"] for each in ITEMS]
    assert _found(client, NAMES[7]) == ["guide/page-07.md"]


def test_putting_the_same_again_changes_nothing(client: httpx.Client) -> None:
    first = _put(client, "a.md", content="some words", meta={"tags": ["t"]})
    again = _put(client, "a.md", content="some words", meta={"tags": ["t"], "own": None})
    assert again == {**first, "changed": False, "job_id": None, "state": None}
    jobs = _data(client.get("/v1/jobs"))["jobs"]
    assert [each["job_id"] for each in jobs] == [first["job_id"]]
    for other in ({"meta": {"tags": ["u"]}}, {"title": "T"}, {"content": "other words"}):
        assert _put(client, "a.md", **{"content": "some words", **other})["changed"]


def test_each_change_is_one_step_of_a_rollback(client: httpx.Client, org: Org) -> None:
    _import(client, items=ITEMS)
    _put(client, "new.md", content="zebra")
    _data(client.delete(f"{DOCUMENTS}/guide/page-03.md", params={"wait": 30}))
    assert _found(client, NAMES[3]) == []
    back = f"/v1/projects/{org.project_id}/rollback"
    _data(client.post(back))
    assert _found(client, NAMES[3]) == ["guide/page-03.md"]
    assert _found(client, "zebra") == ["new.md"]
    _data(client.post(back))
    assert _found(client, "zebra") == []
    assert _ids(client) == [each["doc_id"] for each in ITEMS]
    # What is put now is put onto what answers now.
    _put(client, "later.md", content="giraffe")
    assert _ids(client) == [*(each["doc_id"] for each in ITEMS), "later.md"]


def test_documents_are_listed_by_pages_and_searched(client: httpx.Client) -> None:
    _import(client, items=ITEMS)
    _put(client, "guide/page-03.md", content="Words of another kind", title="Zebra", meta={})
    pages, cursor = [], ""
    while True:
        page = _data(client.get(DOCUMENTS, params={"limit": 5, "cursor": cursor}))
        pages.append([each["doc_id"] for each in page["documents"]])
        assert page["total"] == 12
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [len(page) for page in pages] == [5, 5, 2]
    assert [doc_id for page in pages for doc_id in page] == sorted(each["doc_id"] for each in ITEMS)
    assert _ids(client, prefix="guide/page-1") == ["guide/page-10.md", "guide/page-11.md"]

    def search(**body: object) -> list[str]:
        found = _data(client.post(f"{DOCUMENTS}/search", json=body))
        return [each["doc_id"] for each in found["documents"]]

    assert search(contains="zEBRa") == ["guide/page-03.md"]
    assert search(contains="PAGE-0", prefix="guide/page-09") == ["guide/page-09.md"]
    odd = search(filters={"tags": ["odd"]})
    # The third has no tags any more, whatever the segment before says.
    assert odd == [f"guide/page-{number:02}.md" for number in (1, 5, 7, 9, 11)]
    assert search(filters={"tags": ["odd"], "include": ["**/page-1*"]}) == ["guide/page-11.md"]
    some = _data(
        client.post(f"{DOCUMENTS}/search", json={"filters": {"tags": ["odd"]}, "limit": 2})
    )
    assert some["next_cursor"] == cursor_behind("guide/page-05.md")


def test_documents_are_deleted_by_conditions(client: httpx.Client) -> None:
    _import(client, items=ITEMS)
    body = {"filters": {"tags": ["even"]}, "dry_run": True}
    counted = _data(client.post(f"{DOCUMENTS}/delete", json=body))
    assert (counted["count"], counted["job_id"]) == (6, None)
    assert len(_ids(client)) == 12
    body["dry_run"] = False
    done = _data(client.post(f"{DOCUMENTS}/delete", json=body, params={"wait": 30}))
    assert (done["count"], done["state"]) == (6, "succeeded")
    assert done["doc_ids"] == [f"guide/page-{number:02}.md" for number in range(0, 12, 2)]
    assert _ids(client) == [f"guide/page-{number:02}.md" for number in range(1, 12, 2)]
    assert _found(client, NAMES[4]) == []
    none = _data(client.post(f"{DOCUMENTS}/delete", json=body, params={"wait": 30}))
    assert (none["count"], none["job_id"]) == (0, None)
    refused = client.post(f"{DOCUMENTS}/delete", json={"dry_run": False})
    assert refused.status_code == 400
    assert "replace" in refused.json()["error"]["hint"]


@pytest.mark.parametrize("form", ["json", "ndjson", "parquet"])
def test_a_merge_replaces_adds_and_deletes(client: httpx.Client, form: str, tmp_path: Path) -> None:
    _import(client, items=ITEMS)
    items = [{"doc_id": "guide/page-00.md", "content": "zebra"}, {"doc_id": "x.md", "content": "x"}]
    deleted = ["guide/page-01.md", "guide/page-02.md", "nothing.md"]
    if form == "json":
        body: dict[str, object] = {"items": items, "mode": "merge", "deletes": deleted}
        answer = client.post("/v1/docs/import", json=body)
    elif form == "ndjson":
        lines = [{"delete": deleted[0]}, *items, *({"delete": each} for each in deleted[1:])]
        answer = _send(client, "\n".join(map(json.dumps, lines)).encode(), "application/x-ndjson")
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(items), tmp_path / "items.parquet")
        data = (tmp_path / "items.parquet").read_bytes()
        media = "application/vnd.apache.parquet"
        answer = _send(client, data, media, deletes=deleted)
    started = _data(answer, 202)
    assert started["version_id"] is None
    job = _job(client, started["job_id"])
    assert (job["state"], job["rejected"]) == ("succeeded", 0), job
    assert job["result"]["documents"] == 11
    assert _found(client, "zebra") == ["guide/page-00.md"]
    assert [_found(client, NAMES[number]) for number in range(4)] == [
        [],
        [],
        [],
        ["guide/page-03.md"],
    ]
    assert len(_ids(client)) == 11


def _send(client: httpx.Client, body: bytes, media: str, **options: Any) -> httpx.Response:
    params: Mapping[str, Any] = {"mode": "merge", **options}
    headers = {"content-type": media}
    return client.post("/v1/ingest/batch", content=body, params=params, headers=headers)


def test_a_merge_leaves_unchanged_documents_where_they_are(client: httpx.Client, org: Org) -> None:
    first = _import(client, items=ITEMS)
    changed = [{**ITEMS[0], "content": "zebra"}, *ITEMS[1:]]
    job = _import(client, items=changed, mode="merge")
    assert job["result"]["unchanged"] == 11
    assert (job["result"]["indexed"], job["result"]["documents"]) == (1, 12)
    number = _segment(org, job)
    with org.services.database.tenant(org.org_id) as session:
        row = session.connection.execute(f"SELECT count(*) FROM source_chunks_{number}").fetchone()
    assert row == (1,)
    assert _found(client, NAMES[5]) == ["guide/page-05.md"]
    # What is deleted in the same import has to be written anew, however it is deleted.
    lines = b'{"delete": "guide/page-02.md"}\n' + json.dumps(ITEMS[2]).encode()
    merged = _data(_send(client, lines, "application/x-ndjson"), 202)
    assert _job(client, merged["job_id"])["result"]["unchanged"] == 0
    _import(client, items=[ITEMS[3]], deletes=["guide/page-03.md"], mode="merge")
    assert [_found(client, NAMES[each]) for each in (2, 3)] == [
        ["guide/page-02.md"],
        ["guide/page-03.md"],
    ]
    # Nothing at all is no failure; what a rollback took back is written again.
    assert _import(client, items=ITEMS[5:], mode="merge")["result"]["unchanged"] == 7
    _data(client.post(f"/v1/projects/{org.project_id}/versions/{first['version_id']}/activate"))
    assert _import(client, items=changed, mode="merge")["result"]["unchanged"] == 11
    assert _found(client, "zebra") == ["guide/page-00.md"]


def _segment(org: Org, job: Any) -> int:
    """Return the number of the segment that a job wrote."""
    with org.services.database.tenant(org.org_id) as session:
        return versions.get(session, org.project_id, job["version_id"]).version_no


def test_what_a_replacing_import_may_not_say(client: httpx.Client) -> None:
    answer = client.post("/v1/docs/import", json={"items": ITEMS, "deletes": ["a"]})
    assert answer.status_code == 400
    assert "merge" in answer.json()["error"]["hint"]
    line = b'{"doc_id": "a", "content": "b"}\n{"delete": "a"}\n'
    job = _job(
        client, _data(_send(client, line, "application/x-ndjson", mode="replace"), 202)["job_id"]
    )
    assert job["rejected_by"] == {"unknown_field": 1}
    # In one merge, a document that came is not deleted as well.
    job = _job(client, _data(_send(client, line, "application/x-ndjson"), 202)["job_id"])
    assert job["rejected_by"] == {"duplicate": 1}


def test_a_document_that_is_refused_says_why(client: httpx.Client) -> None:
    failed = _put(client, "a.md", content="x", language="klingon")
    assert (failed["state"], failed["version_id"]) == ("failed", None)
    assert "klingon" in failed["error"]["message"], "for who sent it"
    job = _data(client.get(f"/v1/jobs/{failed['job_id']}"))
    assert job["error"]["message"] == "Item 0 was rejected (wrong_type).", "for everybody else"
    rejected = _data(client.get(f"/v1/jobs/{failed['job_id']}/rejections"))
    assert "klingon" in json.dumps(rejected)
    assert client.put(f"{DOCUMENTS}/a.md", json={"title": "no content"}).status_code == 400
    assert client.put(f"{DOCUMENTS}/a.md", json={"content": "a", "contents": 1}).status_code == 400
    assert (
        client.put(f"{DOCUMENTS}/a.md", json={"content": " "}, params={"wait": 30}).json()["data"][
            "state"
        ]
        == "failed"
    )


def test_a_change_that_waits_is_named(client: httpx.Client, service: Running) -> None:
    """Without a worker for the org: its two places are taken."""
    answer = _data(client.put(f"{DOCUMENTS}/a.md", json={"content": "x"}), 202)
    assert answer["state"] in {"queued", "running"} and answer["version_id"] is None
    assert _job(client, answer["job_id"])["state"] == "succeeded"
    shown = _data(client.get(f"{DOCUMENTS}/a.md", params={"limit": 0}))
    assert shown["chunks"] == [] and shown["next_ordinal"] == 0


def test_many_changes_at_once_are_all_there(client: httpx.Client) -> None:
    _import(client, items=ITEMS)
    failures: list[object] = []

    def put(number: int) -> None:
        done = _put(client, f"many/{number}.md", content=f"word{number}")
        if done["state"] != "succeeded":
            failures.append(done)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []
    assert _ids(client, prefix="many/") == [f"many/{number}.md" for number in range(8)]


def test_readers_see_one_version_or_the_next(client: httpx.Client, org: Org) -> None:
    """A change of two documents that belong together is never seen half."""
    pair = ["left.md", "right.md"]

    def both(word: str) -> list[dict[str, str]]:
        return [{"doc_id": doc_id, "content": f"pair {word}"} for doc_id in pair]

    _import(client, items=[*ITEMS, *both("zero")])
    stop, seen = threading.Event(), []

    def read() -> None:
        with httpx.Client(base_url=client.base_url, headers=org.headers, timeout=30) as own:
            while not stop.is_set():
                asked = {"query": "pair", "retrieval_config": {"retrieval_mode": "fts"}}
                hits = _data(own.post("/v1/docs/query", json=asked))["results"]
                seen.append({hit["chunk"]["content"] for hit in hits})

    reader = threading.Thread(target=read)
    reader.start()
    for word in ("one", "two", "three"):
        _import(client, items=both(word), mode="merge")
    stop.set()
    reader.join()
    assert seen and all(len(each) == 1 for each in seen)
    assert seen[-1] <= {"pair two", "pair three"}


def test_a_version_of_many_changes_is_built_again_as_it_is(client: httpx.Client, org: Org) -> None:
    _import(client, items=ITEMS)
    _put(client, "guide/page-00.md", content="zebra")
    _put(client, "new.md", content="giraffe")
    _put(client, "new.md", content="giraffe and okapi", title="New")
    _data(client.delete(f"{DOCUMENTS}/guide/page-01.md", params={"wait": 30}))
    lines = b'{"delete": "guide/page-02.md"}\n{"doc_id": "guide/page-03.md", "content": "quagga"}\n'
    _job(
        client,
        _data(_send(client, lines, "application/x-ndjson", deletes="nothing"), 202)["job_id"],
    )
    # A document of an older import that is deleted and sent again is the newer one.
    _data(client.delete(f"{DOCUMENTS}/guide/page-04.md", params={"wait": 30}))
    _put(client, "guide/page-04.md", content="tapir")
    before = _chunks(client, org)
    assert len(before) == 11
    started = _data(client.post("/v1/docs/index", json={}))
    job = _job(client, started["job_id"])
    assert job["state"] == "succeeded", job
    assert job["result"]["activated"], job
    assert _chunks(client, org) == before
    # And once more, from what was built again and a change after that.
    _put(client, "last.md", content="lynx")
    before = _chunks(client, org)
    job = _job(client, _data(client.post("/v1/docs/index", json={}))["job_id"])
    assert job["result"]["documents"] == 12, job
    assert _chunks(client, org) == before


def test_what_was_compacted_is_built_again_too(client: httpx.Client, org: Org) -> None:
    _import(client, items=ITEMS)
    # One more than a version may have segments before they become one.
    for number in range(9):
        _put(client, f"new/{number}.md", content=f"added {NAMES[number]}")

    def compacted() -> bool:
        jobs = _data(client.get("/v1/jobs"))["jobs"]
        return any(each["kind"] == "compact" and each["state"] == "succeeded" for each in jobs)

    until(compacted, 60)
    before = _chunks(client, org)
    assert len(before) == 21
    job = _job(client, _data(client.post("/v1/docs/index", json={}))["job_id"])
    assert job["state"] == "succeeded", job
    assert _chunks(client, org) == before


def test_imports_that_a_version_is_made_of_are_kept(
    client: httpx.Client, org: Org, service: Running
) -> None:
    _import(client, items=ITEMS)
    _put(client, "new.md", content="giraffe")
    _put(client, "new.md", content="okapi")
    with service.services.database.tenant(org.org_id) as session:
        # As retention does with versions that are old.
        session.connection.execute(
            "UPDATE jobs SET finished_at = now() - interval '1 year' WHERE org_id = %s",
            (org.org_id,),
        )
    gone = remove_orphans(service.services.database, service.services.blobs, hours=1)
    assert (gone.jobs, gone.blobs) == (0, 0)
    job = _job(client, _data(client.post("/v1/docs/index", json={}))["job_id"])
    assert job["state"] == "succeeded", job
    assert _found(client, "okapi") == ["new.md"]


def _chunks(client: httpx.Client, org: Org) -> list[Any]:
    """Return all chunks of the active version, but for what a build chooses by itself."""
    listed = _data(client.get(f"/v1/projects/{org.project_id}/versions"))
    path = f"/v1/projects/{org.project_id}/versions/{listed['active_version_id']}/chunks"
    return sorted(
        ({**each} for each in _data(client.get(path))["chunks"]),
        key=lambda each: (each["doc_id"], each["ordinal"]),
    )


def _answered(client: httpx.Client, doc_id: str, **body: object) -> Any:
    return _data(client.put(f"{DOCUMENTS}/{doc_id}", params={"wait": 30}, json=body))


def test_a_document_stays_with_those_whom_it_is_shown_to(
    service: Running, org: Org, client: httpx.Client
) -> None:
    """Also when the list comes in a change that has not run when the next one is sent."""
    reader = org.with_key("query", "read_all")
    _answered(client, "open.md", content="walrus")
    for body in ({"content": "one", "allow": {"users": ["ann"]}}, {"content": "two"}):
        last = client.put(f"{DOCUMENTS}/pay.md", json=body).json()["data"]["job_id"]
    assert _job(client, last)["state"] == "succeeded"
    assert _ids(client) == ["open.md"]
    assert client.get(f"{DOCUMENTS}/pay.md").status_code == 404
    with service.client(reader.headers) as all_seeing:
        shown = _data(all_seeing.get(f"{DOCUMENTS}/pay.md"))
        assert [each["content"] for each in shown["chunks"]] == ["two"]
    _answered(client, "pay.md", content="two", allow=None)
    assert _ids(client) == ["open.md", "pay.md"]
    assert _answered(client, "pay.md", content="two")["changed"] is False


def test_an_import_may_keep_lists(client: httpx.Client) -> None:
    _answered(client, "pay.md", content="one", allow={"groups": ["hr"]})
    kept = [{"doc_id": "pay.md", "content": "two", "allow": "keep"}]
    _import(client, items=kept, mode="merge")
    assert _ids(client) == []
    _import(client, items=[*kept, {"doc_id": "new.md", "content": "n", "allow": "keep"}])
    assert _ids(client) == ["new.md"]


def test_a_change_does_not_tell_what_a_hidden_document_holds(client: httpx.Client) -> None:
    _answered(client, "pay.md", content="secret", allow={"users": ["ann"]})
    for content in ("secret", "guess"):
        for more in ({}, {"allow": {"users": ["ann"]}}):
            assert _answered(client, "pay.md", content=content, **more)["changed"] is True
