"""What is written comes back, also what PostgreSQL cannot hold as it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from coco_core.bm25 import CorpusStats, saturated_scores, term_scores, term_vector
from coco_core.chunk_columns import CHUNK_COLUMNS
from coco_core.errors import QuotaExceeded
from coco_core.tokens import analyze, term_id
from coco_core.types import Chunk
from coco_server.store import chunks, orgs, postings, sealing, usage
from coco_server.store.usage import Quotas
from tests.coco_server.tenants import Tenant, rows


def test_a_version_keeps_every_field_of_a_chunk_but_its_bytes() -> None:
    assert set(CHUNK_COLUMNS) - set(chunks._COLUMNS) == {"start_byte", "end_byte"}


def test_odd_texts_come_back(tenant: Tenant) -> None:
    texts = {"nul": "a\0b", "surrogate": "x\udc80y", "quote": 'it\'s \\ "q" %s {}', "empty": ""}
    version = tenant.build(texts)
    with tenant.database.tenant(tenant.org_id) as session:
        found = chunks.contents(session, version, range(4))
    contents = {each.doc_id: each.chunk.text for each in found.values()}
    assert contents == {"nul": "a\ufffdb", "surrogate": "x?y", "quote": texts["quote"], "empty": ""}


def test_vectors_are_normalised_and_may_be_missing(tenant: Tenant) -> None:
    version = tenant.begin()
    documents, made = rows({"a": "one", "b": "two"})
    with tenant.database.tenant(tenant.org_id) as session:
        chunks.append(session, version, documents, [made[0], replace(made[1], vector=None)])
    ready = tenant.seal(version)
    assert (ready.chunk_count, ready.embedded_count) == (2, 1)
    with tenant.database.tenant(tenant.org_id) as session:
        row = session.connection.execute(
            f"SELECT embedding FROM chunk_vectors_{version.version_no}"  # type: ignore[call-overload]  # a number
        ).fetchone()
    assert np.linalg.norm(row[0].to_numpy()) == pytest.approx(1.0, abs=1e-5)


def test_postings_over_several_segments_give_the_core_s_scores(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "_SEGMENT_CHUNKS", 7)
    words = ["router", "cookie", "header"]
    texts = {f"{n}": " ".join(words[: 1 + n % 3]) + f" unique{n}" for n in range(30)}
    version = tenant.begin()
    for start in range(0, 30, 5):
        tenant.fill(version, dict(list(texts.items())[start : start + 5]))
    ready = tenant.seal(version)
    vectors = [term_vector(name, Chunk.plain(text)) for name, text in texts.items()]
    lengths = np.array([each.lengths for each in vectors], np.float32)
    stats = CorpusStats(30, lengths.mean(axis=0))
    for word in (*words, "unique17"):
        (term,) = (term_id(each) for each in analyze(word)[:1])
        holders = [n for n, each in enumerate(vectors) if np.uint64(term) in each.ids]
        frequencies = np.array(
            [vectors[n].frequencies[np.searchsorted(vectors[n].ids, term)] for n in holders]
        )
        expected = term_scores(stats, len(holders), frequencies, lengths[holders])
        with tenant.database.tenant(tenant.org_id) as session:
            keys, weights = postings.lookup(session, ready.version_no, [term])[term]
        assert keys.tolist() == holders
        found = saturated_scores(sealing.corpus_stats(ready), len(keys), weights)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    with tenant.database.tenant(tenant.org_id) as session:
        assert postings.lookup(session, ready.version_no, [term_id("nowhere")]) == {}


def test_a_quota_is_not_exceeded_by_imports_at_once(tenant: Tenant) -> None:
    quotas = Quotas(chunks=5)

    def reserve(_: int) -> bool:
        try:
            with tenant.database.tenant(tenant.org_id) as session:
                usage.reserve(session, quotas, chunks=1)
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(reserve, range(20))) == 5
    with tenant.database.tenant(tenant.org_id) as session:
        assert orgs.totals(session).chunks == 5


def test_a_batch_beyond_the_quota_leaves_nothing(tenant: Tenant) -> None:
    version = tenant.begin()
    with (
        pytest.raises(QuotaExceeded, match="COCO_ORG_MAX_CHUNKS is 1; 0 are in use") as refused,
        tenant.session() as session,
    ):
        chunks.append(session, version, *rows({"a": "1", "b": "2"}), quotas=Quotas(chunks=1))
    assert refused.value.details["requested"] == 2
    assert tenant.seal(version).chunk_count == 0
