"""An import of what is known makes nothing anew: the same rows, and no text is embedded again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from coco_core.configs import ChunkingConfig
from coco_server.jobs.records import Job
from coco_server.store import usage
from coco_server.store.item_hash import item_hash
from coco_server.store.reuse import earlier_segments
from tests.coco_server.tenants import register_config
from tests.coco_worker.conftest import Start
from tests.coco_worker.items_made import documents
from tests.embedding_server import EmbeddingServer
from tests.tenant import CONFIG, DIMENSION, Tenant

COLUMNS = (
    "doc_id, ordinal, chunk_id, kind, language, symbol, definitions, signature, heading_trail, "
    "fragment, start_line, end_line, token_count, content, content_hash, quality, tags, meta"
)
CODE = """import os


def add(a, b):
    return a + b


class Adder:
    def run(self):
        return 1
"""
ITEMS: list[dict[str, Any]] = [
    *documents(300),
    {"doc_id": "src/add.py", "content": CODE * 5, "meta": {"quality_score": 0.5, "tags": ["a"]}},
    {"doc_id": "notes", "content": "# One\n\ntext\n\n## Two\n\nmore\n", "language": "markdown"},
]


def _result(tenant: Tenant, job: Job) -> Any:
    done = tenant.ended(job)
    assert done.state == "succeeded", done.error
    return done.result


def _tables(tenant: Tenant) -> list[Any]:
    """Return all that the active version holds, vectors and keywords included, by document."""
    active = tenant.active()
    assert active is not None
    number = active.version_no
    with tenant.database.tenant(tenant.org_id) as session:
        rows = session.connection.execute(
            f"SELECT {COLUMNS}, (SELECT title FROM documents AS d WHERE d.doc_id = c.doc_id "
            f"AND d.version_no = c.version_no), subvector(embedding, 1, 3)::text "
            f"FROM source_chunks_{number} AS c JOIN chunk_vectors_{number} USING (chunk_key) "
            f"ORDER BY doc_id, ordinal"
        ).fetchall()
        terms = session.connection.execute(
            f"SELECT count(*), sum(length(keys)), md5(string_agg(weights, '' ORDER BY term_id, "
            f"segment)) FROM postings_{number}"
        ).fetchall()
    rows = [
        (*row[:-1], [round(float(each), 5) for each in row[-1][1:-1].split(",")]) for row in rows
    ]
    return [rows, terms, active.length_sums, active.document_count]


def test_the_same_import_again_makes_nothing_anew(
    tenant: Tenant, start: Start, embedding: EmbeddingServer
) -> None:
    start()
    first = _result(tenant, tenant.enqueue(tenant.ndjson(ITEMS)))
    assert first["embedded"] == first["vectors"] == embedding.texts
    before = _tables(tenant)
    again = _result(tenant, tenant.enqueue(tenant.ndjson(ITEMS)))
    assert (again["embedded"], again["parsed"]) == (0, 0)
    assert again["reused"] == again["vectors"] == first["vectors"]
    assert embedding.texts == first["vectors"]
    assert _tables(tenant) == before
    with tenant.database.tenant(tenant.org_id) as session:
        assert usage.embeddings_today(session) == first["vectors"]


def test_only_what_changed_is_made_anew(
    tenant: Tenant, start: Start, embedding: EmbeddingServer
) -> None:
    start()
    _result(tenant, tenant.enqueue(tenant.ndjson(ITEMS)))
    sent = embedding.texts
    changed = [{**each} for each in ITEMS]
    # The document is cut again, and only the chunk that differs is embedded; what is known of a
    # document belongs to what was sent, though no text changes by it.
    changed[300]["content"] = CODE * 5 + "\n\ndef last(x):\n    return x\n"
    changed[0]["meta"] = {"tags": ["new"]}
    result = _result(tenant, tenant.enqueue(tenant.ndjson(changed)))
    assert result["parsed"] == 2
    assert 1 <= result["embedded"] == embedding.texts - sent <= 2
    assert result["reused"] == result["vectors"] - result["embedded"]
    active = tenant.active()
    assert active is not None
    assert tenant.rows(active, "DISTINCT doc_id, tags, 1 AS ordinal")[0][1] == ["new"]


def test_another_config_takes_what_is_equal(
    tenant: Tenant, start: Start, embedding: EmbeddingServer
) -> None:
    start()
    first = _result(tenant, tenant.enqueue(tenant.ndjson(ITEMS)))
    before = _tables(tenant)
    same_cut = replace(
        CONFIG, config_id="deeper", embedding=replace(CONFIG.embedding, max_tokens=32)
    )
    same_vectors = replace(CONFIG, config_id="longer", chunking=ChunkingConfig(chunk_size=512))
    with tenant.database.tenant(tenant.org_id) as session:
        register_config(session, same_cut, DIMENSION)
        register_config(session, same_vectors, DIMENSION)
    done = _result(tenant, replace(tenant, config=same_cut).enqueue(tenant.ndjson(ITEMS)))
    assert (done["parsed"], done["reused"], done["embedded"]) == (0, 0, first["vectors"])
    after = _tables(tenant)
    assert [row[:-1] for row in after[0]] == [row[:-1] for row in before[0]]
    assert after[1:] == before[1:]
    # Most of these documents are one chunk under both sizes.
    done = _result(tenant, replace(tenant, config=same_vectors).enqueue(tenant.ndjson(ITEMS)))
    assert done["parsed"] == len(ITEMS)
    assert done["reused"] >= 300
    assert embedding.texts == 2 * first["vectors"] + done["embedded"]


def test_vectors_that_a_sender_made_are_not_taken_for_texts(
    tenant: Tenant, start: Start, embedding: EmbeddingServer
) -> None:
    start()
    vector = [1.0, *[0.0] * (DIMENSION - 1)]
    given = {"doc_id": "a", "content": "the text", "vector": vector}
    assert _result(tenant, tenant.enqueue(tenant.ndjson([given])))["embedded"] == 0
    whole = {"doc_id": "a", "content": "the text"}
    assert _result(tenant, tenant.enqueue(tenant.ndjson([whole])))["embedded"] == 1
    assert embedding.texts == 1


def test_another_project_of_the_org_has_nothing_to_give(
    tenant: Tenant, start: Start, embedding: EmbeddingServer
) -> None:
    start()
    first = _result(tenant, tenant.enqueue(tenant.ndjson(ITEMS)))
    other = Tenant.create(tenant.database, tenant.blobs)
    with other.database.tenant(other.org_id) as session:
        assert earlier_segments(session, tenant.project_id, CONFIG) == []
    done = _result(other, other.enqueue(other.ndjson(ITEMS)))
    assert (done["reused"], done["embedded"]) == (0, first["vectors"])


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({"doc_id": "a", "content": "x"}, True),
        ({"doc_id": "a", "content": "x", "title": None, "meta": {}}, True),
        ({"content": "x", "meta": {"tags": None}, "doc_id": "a"}, True),
        ({"doc_id": "a", "content": "y"}, False),
        ({"doc_id": "b", "content": "x"}, False),
        ({"doc_id": "a", "content": "x", "title": "t"}, False),
        ({"doc_id": "a", "content": "x", "meta": {"own": 1}}, False),
    ],
)
def test_a_hash_tells_documents_apart(other: dict[str, object], same: bool) -> None:
    one = item_hash({"doc_id": "a", "content": "x"})
    assert (item_hash(other) == one) is same
    assert item_hash(other, "org/rule.wasm") != one


def test_what_comes_in_chunks_has_no_hash() -> None:
    assert item_hash({"doc_id": "a", "chunks": [{"content": "x"}]}) is None
    assert item_hash({"doc_id": "a", "content": "x", "ordinal": 0}) is None
    assert item_hash({"doc_id": "a", "content": "x", "vector": [1.0]}) is None
