from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from coco_core.configs import DEFAULT_CONFIG, ChunkingConfig
from coco_core.header import embedding_text
from coco_core.types import Chunk
from coco_embed.resolver import Embedders, EmbeddingSettings
from coco_server.jobs import events, rejections
from coco_server.search.named_chunks import defining
from coco_server.store.blobs import BlobStore
from coco_server.store.session import Database
from coco_server.store.usage import embeddings_today
from coco_worker.pipeline import IngestDeps
from coco_worker.worker import Worker
from tests.coco_worker.conftest import Start
from tests.coco_worker.items_made import documents
from tests.embedding_server import EmbeddingServer
from tests.model_fixture import installed_model
from tests.s3_server import s3_server
from tests.tenant import CONFIG, DIMENSION, Tenant

PYTHON = (
    "def add(a, b):\n    return a + b\n\n\nclass Adder:\n    def run(self):\n        return 1\n"
)


def test_items_are_cut_embedded_written_and_switched_to(
    tenant: Tenant, start: Start, embedding: EmbeddingServer
) -> None:
    start()
    vector = [1.0, *[0.0] * (DIMENSION - 1)]
    job = tenant.enqueue(
        tenant.ndjson(
            [
                {"doc_id": "src/add.py", "content": PYTHON, "meta": {"quality_score": 0.5}},
                {"doc_id": "given", "content": "with a vector", "vector": vector, "title": "G"},
                {"doc_id": "flat", "content": "second", "ordinal": 1, "symbol": "f.g"},
                {"doc_id": "flat", "content": "first", "ordinal": 0, "meta": {"own": 1}},
                {"doc_id": "notes", "content": "# Head\n\nbody\n", "language": "markdown"},
            ]
        )
    )
    active = tenant.succeeded(job)
    assert active.version_id == job.version_id
    done = tenant.job(job.job_id)
    assert done.result is not None
    assert done.result["indexed"] == 5 and done.result["rejected"] == 0
    assert (active.item_count, active.document_count) == (5, 4)
    rows = tenant.rows(active)
    assert "".join(row[2] for row in rows if row[0] == "src/add.py") == PYTHON
    assert [row[1:] for row in rows if row[0] == "flat"] == [(0, "first"), (1, "second")]
    facts = tenant.rows(active, "doc_id, language, quality, symbol, meta")
    assert {row[1] for row in facts if row[0] == "src/add.py"} == {"python"}
    assert {row[1] for row in facts if row[0] == "notes"} == {"markdown"}
    assert {row[2] for row in facts if row[0] == "src/add.py"} == {0.5}
    assert [row[4] for row in facts if row[0] == "flat"] == [{"own": 1}, {}]
    assert active.embedded_count == active.chunk_count == len(rows)
    # The one that came with its vector was not sent.
    assert embedding.texts == done.result["embedded"] == len(rows) - 1
    assert (done.result["parsed"], done.result["vectors"]) == (2, len(rows))
    with tenant.database.tenant(tenant.org_id) as session:
        assert embeddings_today(session) == len(rows) - 1
        stored = session.connection.execute(
            f"SELECT embedding FROM chunk_vectors_{active.version_no} "
            f"JOIN source_chunks_{active.version_no} USING (chunk_key) WHERE doc_id = 'given'"
        ).fetchone()
    assert stored is not None
    np.testing.assert_array_equal(stored[0].to_numpy(), vector)


def test_names_too_long_for_an_index_entry_are_indexed_by_their_beginning(
    tenant: Tenant, start: Start, database: Database
) -> None:
    """PostgreSQL takes entries of 2,704 bytes at most, and refused the index of all names."""
    start()
    # No compression makes these short; the second one has four bytes for each character.
    names = ["".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(60)), "\U00020bb7" * 900]
    items = [
        {"doc_id": f"d{n}", "content": "text", "ordinal": 0, "symbol": name}
        for n, name in enumerate(names)
    ]
    active = tenant.succeeded(tenant.enqueue(tenant.ndjson(items)))
    with database.tenant(tenant.org_id) as session:
        for key, name in enumerate(names):
            assert defining(session, active, [name], None) == {key}


def test_rejected_items_are_listed_and_the_others_indexed(tenant: Tenant, start: Start) -> None:
    start()
    items: list[dict[str, Any]] = documents(30)
    items[3] = {"content": "no id"}
    items[7] = {"doc_id": "v", "content": "x", "vector": [1.0, 2.0]}
    items[11] = {"doc_id": "d00000.md", "content": "again"}
    items[29] = {"doc_id": "nan", "content": "x", "vector": [float("nan")] * DIMENSION}
    job = tenant.ended(tenant.enqueue(tenant.ndjson(items)))
    assert job.state == "succeeded" and job.result is not None
    assert (job.result["items"], job.result["indexed"], job.result["rejected"]) == (30, 26, 4)
    with tenant.database.tenant(tenant.org_id) as session:
        listed = rejections.read(session, job.job_id)
        assert rejections.read(session, job.job_id, after=7, most=1) == [listed[2]]
    assert [(each.item, each.code) for each in listed] == [
        (3, "missing_field"),
        (7, "wrong_dimension"),
        (11, "duplicate"),
        (29, "not_finite"),
    ]
    assert listed[1].doc_id == "v" and "2 numbers" in listed[1].message


def test_the_first_rejected_item_ends_a_job_that_shall_fail(tenant: Tenant, start: Start) -> None:
    start()
    first = tenant.ended(tenant.enqueue(tenant.ndjson(documents(3))))
    items: list[dict[str, Any]] = [*documents(5), {"doc_id": "x"}, *documents(5, 5)]
    job = tenant.ended(tenant.enqueue(tenant.ndjson(items), on_error="fail"))
    assert job.state == "failed" and job.error is not None
    assert job.error["message"] == "Item 5 was rejected (missing_field)."
    active = tenant.active()
    assert active is not None and active.version_id == first.version_id
    assert tenant.version(job.version_id).status == "FAILED"
    with tenant.database.tenant(tenant.org_id) as session:
        assert [each.item for each in rejections.read(session, job.job_id)] == [5]


@pytest.mark.parametrize(
    ("body", "said"), [(b"", "None of the 0 items"), (b'{"a":1}\n', "None of the 1 items")]
)
def test_an_import_without_an_item_switches_nothing(
    tenant: Tenant, start: Start, body: bytes, said: str
) -> None:
    start()
    first = tenant.ended(tenant.enqueue(tenant.ndjson(documents(3))))
    ref = tenant.blobs.put_bytes(tenant.org_id, "ndjson", body).ref
    job = tenant.ended(tenant.enqueue(ref))
    assert job.state == "failed" and job.error is not None and said in job.error["message"]
    active = tenant.active()
    assert active is not None and active.version_id == first.version_id


def test_a_broken_import_says_where(tenant: Tenant, start: Start) -> None:
    start()
    ref = tenant.blobs.put_bytes(tenant.org_id, "json", b'[{"doc_id":"a","content":"x"}').ref
    job = tenant.ended(tenant.enqueue(ref, format="json"))
    assert job.state == "failed" and job.error is not None
    assert job.attempt == 1
    assert job.error["code"] == "unreadable" and "at its end" in job.error["message"]


def test_parquet_with_vectors_needs_no_model(
    tenant: Tenant, start: Start, embedding: EmbeddingServer
) -> None:
    start()
    count = 3000
    vectors = np.random.default_rng(1).normal(size=(count, DIMENSION)).astype(np.float32)
    table = pa.table(
        {
            "doc_id": [f"d{number % 1000}" for number in range(count)],
            "ordinal": [number // 1000 for number in range(count)],
            "content": [f"text {number}" for number in range(count)],
            "vector": pa.FixedSizeListArray.from_arrays(vectors.ravel(), DIMENSION),
        }
    )
    ref = tenant.parquet(table, row_group_size=700)
    active = tenant.succeeded(tenant.enqueue(ref, format="parquet"))
    assert (active.chunk_count, active.document_count) == (count, 1000)
    assert embedding.requests == 0


def test_progress_is_told(tenant: Tenant, start: Start) -> None:
    start()
    job = tenant.ended(tenant.enqueue(tenant.ndjson(documents(700))))
    with tenant.database.tenant(tenant.org_id) as session:
        told = events.read(session, job.job_id)
    assert [event.kind for event in told][:2] == ["queued", "running"]
    assert told[-1].kind == "succeeded"
    assert {event.body.get("stage") for event in told if event.kind == "progress"} >= {"seal"}
    assert (job.done, job.total) == (700, 700)


def test_a_quota_ends_the_job_and_names_itself(
    deps: IngestDeps, tenant: Tenant, start: Start
) -> None:
    poor = Tenant.create(tenant.database, tenant.blobs, limits={"chunks": 100})
    start()
    job = poor.ended(poor.enqueue(poor.ndjson(documents(700))))
    assert job.state == "failed" and job.error is not None
    assert job.error["code"] == "quota_exceeded"
    assert "COCO_ORG_MAX_CHUNKS is 100" in job.error["message"]
    assert poor.active() is None


def test_embeddings_that_were_not_made_are_given_back(
    tenant: Tenant, start: Start, embedding: EmbeddingServer
) -> None:
    embedding.refusals.append((400, {}))
    start()
    job = tenant.ended(tenant.enqueue(tenant.ndjson(documents(20)), max_attempts=1))
    assert job.state == "failed"
    with tenant.database.tenant(tenant.org_id) as session:
        assert embeddings_today(session) == 0
    # The second attempt uses what the first one has taken.
    embedding.refusals.append((400, {}))
    tenant.succeeded(tenant.enqueue(tenant.ndjson(documents(20))))
    with tenant.database.tenant(tenant.org_id) as session:
        assert embeddings_today(session) == embedding.texts == 20


def test_a_day_without_embeddings_ends_the_job_before_any_is_made(
    tenant: Tenant, start: Start, embedding: EmbeddingServer
) -> None:
    poor = Tenant.create(tenant.database, tenant.blobs, limits={"embeddings_per_day": 10})
    start()
    job = poor.ended(poor.enqueue(poor.ndjson(documents(20))))
    assert job.error is not None
    assert (job.state, job.error["code"]) == ("failed", "quota_exceeded")
    assert embedding.requests == 0


def test_a_config_for_another_model_is_told(tenant: Tenant, start: Start) -> None:
    start()
    wide = Tenant.create(tenant.database, tenant.blobs, dimension=32)
    job = wide.ended(wide.enqueue(wide.ndjson(documents(3))))
    assert job.error is not None
    assert "registered for vectors of 32 numbers" in job.error["message"]


def test_sizes_in_the_models_tokens_need_its_tokenizer_only_when_there_is_one(
    tenant: Tenant, start: Start
) -> None:
    start()
    fixed = replace(CONFIG, config_id="fixed", chunking=ChunkingConfig("fixed_token", 16))
    other = Tenant.create(tenant.database, tenant.blobs, config=fixed)
    other.succeeded(other.enqueue(other.ndjson(documents(3))))


def test_a_document_of_very_many_chunks_is_one_batch(tenant: Tenant, start: Start) -> None:
    start()
    chunking = ChunkingConfig("recursive_char", 16, unit="chars")
    config = replace(CONFIG, config_id="tiny", chunking=chunking)
    many = Tenant.create(tenant.database, tenant.blobs, config=config)
    content = "\n".join(f"line number {number}" for number in range(5000))
    ref = many.ndjson([{"doc_id": "long.txt", "content": content}])
    active = many.succeeded(many.enqueue(ref))
    assert active.chunk_count > 4096
    rows = many.rows(active, "chunk_key, ordinal")
    assert sorted(rows) == [(number, number) for number in range(active.chunk_count)]


def test_the_built_in_model_embeds_what_came_without_a_vector(
    database: Database, blobs: BlobStore, deps: IngestDeps
) -> None:
    model = installed_model()
    embedders = Embedders(EmbeddingSettings(models=model.directory.parents[1], offline=True))
    tenant = Tenant.create(database, blobs, config=DEFAULT_CONFIG, dimension=384)
    worker = Worker(replace(deps, embedders=embedders), poll_seconds=0.05)
    worker.start()
    try:
        active = tenant.succeeded(tenant.enqueue(tenant.ndjson(documents(20))))
        assert active.embedded_count == active.chunk_count == 20
        expected = embedders.open(DEFAULT_CONFIG.embedding).embed_documents(
            [
                embedding_text(
                    doc_id, replace(Chunk.plain(text, symbol=symbol), heading_trail=tuple(trail))
                )
                for doc_id, text, trail, symbol in tenant.rows(
                    active, "doc_id, content, heading_trail, symbol"
                )
            ]
        )
        with database.tenant(tenant.org_id) as session:
            stored = session.connection.execute(
                f"SELECT embedding FROM chunk_vectors_{active.version_no} ORDER BY chunk_key"
            ).fetchall()
        found = np.array([row[0].to_list() for row in stored], np.float32)
        # The model's sums depend a little on what else a processor does with the text.
        assert ((found * expected).sum(axis=1) > 0.999).all()
    finally:
        worker.stop()
        embedders.close()


def test_an_import_is_read_from_a_cloud(database: Database, deps: IngestDeps) -> None:
    with s3_server() as server:
        blobs = BlobStore("s3://coco/imports", options=server.options)
        tenant = Tenant.create(database, blobs)
        table = pa.table(
            {
                "doc_id": [f"d{number}" for number in range(500)],
                "content": [f"topic {number}" for number in range(500)],
            }
        )
        ref = tenant.parquet(table, row_group_size=100)
        worker = Worker(replace(deps, blobs=blobs), poll_seconds=0.05)
        worker.start()
        try:
            active = tenant.succeeded(tenant.enqueue(ref, format="parquet"))
        finally:
            worker.stop()
    assert active.chunk_count == 500
