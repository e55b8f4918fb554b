"""Allow lists through a real worker: from items to what viewers are shown."""

from __future__ import annotations

import pytest
import wasmtime

from coco_server.jobs import rejections
from coco_server.search.visibility import shown_keys
from coco_server.store import documents
from coco_server.store.access import VIEWS_PUBLIC, Viewer
from coco_server.store.versions import Version
from tests.coco_worker.conftest import Start
from tests.coco_worker.test_rules import HOSTILE
from tests.tenant import Tenant

ANN = Viewer.of("ann", [])
OPS = Viewer.of("bob", ["ops"])


def shown(tenant: Tenant, version: Version, viewer: Viewer) -> set[str]:
    with tenant.database.tenant(tenant.org_id) as session:
        found = {each.doc_id for each in documents.list_of(session, version, viewer)}
        keys = shown_keys(session, version, viewer)
    # By chunks and by documents the same is shown.
    assert keys is None or len(keys) == len(found)
    return found


def test_lists_arrive_with_every_kind_of_item(tenant: Tenant, start: Start) -> None:
    start()
    items = [
        {"doc_id": "all", "content": "for everybody"},
        {"doc_id": "ann", "content": "for ann", "allow": {"users": ["ann"]}},
        {"doc_id": "ops", "chunks": [{"content": "for ops"}], "allow": {"groups": ["ops"]}},
        {"doc_id": "none", "content": "for nobody", "ordinal": 0, "allow": {}},
        {"doc_id": "bad", "content": "refused", "allow": {"everyone": True}},
    ]
    job = tenant.enqueue(tenant.ndjson(items))
    version = tenant.succeeded(job)
    assert version.restricted
    assert shown(tenant, version, VIEWS_PUBLIC) == {"all"}
    assert shown(tenant, version, ANN) == {"all", "ann"}
    assert shown(tenant, version, OPS) == {"all", "ops"}
    with tenant.database.tenant(tenant.org_id) as session:
        (rejected,) = rejections.read(session, job.job_id)
    assert (rejected.item, rejected.code) == (4, "wrong_allow")


def test_a_merge_changes_who_sees_a_document(tenant: Tenant, start: Start) -> None:
    start()
    hidden = {"doc_id": "a", "content": "the text", "allow": {"users": ["ann"]}}
    public = {"doc_id": "b", "content": "another text"}
    first = tenant.succeeded(tenant.enqueue(tenant.ndjson([hidden, public])))
    swapped = [
        {"doc_id": "a", "content": "the text"},
        {**public, "allow": {"groups": ["ops"]}},
    ]
    second = tenant.succeeded(tenant.merge(tenant.ndjson(swapped)))
    assert [shown(tenant, second, each) for each in (VIEWS_PUBLIC, ANN, OPS)] == [
        {"a"},
        {"a"},
        {"a", "b"},
    ]
    # The version before still shows what it showed.
    assert [shown(tenant, first, each) for each in (VIEWS_PUBLIC, ANN)] == [{"b"}, {"a", "b"}]
    third = tenant.succeeded(tenant.merge(tenant.ndjson([{"doc_id": "c", "content": "new"}])))
    assert third.restricted
    assert shown(tenant, third, VIEWS_PUBLIC) == {"a", "c"}


@pytest.mark.parametrize("last", ["? endless", "as it is"])
def test_a_rule_that_rejects_the_first_item_does_not_lose_the_list(
    tenant: Tenant, start: Start, last: str
) -> None:
    start()
    rule = tenant.rule(bytes(wasmtime.wat2wasm(HOSTILE)))
    texts = ["! unreachable", "for ann alone", last]
    items = [
        {"doc_id": "a", "ordinal": number, "content": text, "allow": {"users": ["ann"]}}
        for number, text in enumerate(texts)
    ]
    items.append({"doc_id": "b", "content": "for everybody"})
    version = tenant.succeeded(tenant.enqueue(tenant.ndjson(items), wasm_module_ref=rule))
    with tenant.database.tenant(tenant.org_id) as session:
        public = shown_keys(session, version, VIEWS_PUBLIC)
        assert {each.doc_id for each in documents.list_of(session, version, ANN)} == {"a", "b"}
        assert [each.doc_id for each in documents.list_of(session, version)] == ["b"]
    assert public is not None
    assert len(public) == 1
