"""Reranked searches of the daemon: named, adopted, paged, failing, and through both kinds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from coco_core.errors import InvalidIntent
from coco_protocol.docs import QueryRequest, RelatedRequest, RetrievalBody
from tests.cross_encoder import cross_encoder
from tests.local_daemon import Bench, open_bench
from tests.rerank_server import RerankServer, rerank_server

PAGES = {
    "pushing.md": "# Pushing\n\nPushing, pushing, and pushed again: the pushed pushes.\n",
    "notes.md": "# Notes\n\nThe application context of a request is pushed before the view runs.\n",
    "stack.md": "# Stack\n\nA stack of plates is what a context resembles; pushed things fall.\n",
    "views.md": "# Views\n\nA view answers a request.\n",
}
QUESTION = "where is the request context pushed"


def plates(query: str, text: str) -> float:
    """The opinion of a model for which only one page answers, whatever is asked."""
    del query
    return float("plates" in text)


@dataclass
class Reranking:
    bench: Bench
    server: RerankServer

    @property
    def first(self) -> list[str]:
        """The order without a reranker."""
        return self.ask()[0]

    @property
    def reranked(self) -> list[str]:
        """The order in which `plates` puts them: one comes first, the others keep theirs."""
        return ["stack.md", *(name for name in self.first if name != "stack.md")]

    def ask(self, reranker: object = None, **retrieval: object) -> tuple[list[str], str]:
        """Return the documents in order and the notice."""
        asked = {"retrieval_mode": "fts", **retrieval}
        if reranker is not None:
            asked["reranker"] = reranker
        meta, data = self.bench.ask(QUESTION, **asked)
        return [hit.chunk.doc_id for hit in data.results], meta.notice or ""


@pytest.fixture(scope="module")
def reranking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reranking]:
    place = tmp_path_factory.mktemp("reranking")
    home, root = place / "home", place / "pages"
    home.mkdir(mode=0o700)
    root.mkdir()
    cross_encoder(home / "tiny")
    for name, text in PAGES.items():
        (root / name).write_text(text, encoding="utf-8")
    with rerank_server() as server:
        server.score = plates
        (home / "config.toml").write_text(
            '[rerankers.tiny]\npath = "tiny"\n[rerankers.gone]\npath = "nowhere"\n'
            f'[rerankers.far]\nurl = "{server.url}"\n',
            encoding="utf-8",
        )
        with open_bench(home, root) as bench:
            yield Reranking(bench, server)


def test_a_server_reorders(reranking: Reranking) -> None:
    assert reranking.first[0] != "stack.md"
    assert len(reranking.first) == len(PAGES)
    order, notice = reranking.ask({"model_name": "far"})
    assert order == reranking.reranked
    assert "reranked" not in notice


def test_a_cross_encoder_is_blended_with_the_first_stage(reranking: Reranking) -> None:
    bench = reranking.bench
    retrieval = RetrievalBody.model_validate({"reranker": {"model_name": "tiny"}})
    request = QueryRequest(
        query=QUESTION, project_id=bench.project_id, retrieval_config=retrieval, explain=True
    )
    answer = bench.daemon.query(request)
    assert {"validate", "rerank"} <= answer.meta.took_ms.keys()
    explained = {hit.chunk.doc_id: hit.meta.explain or {} for hit in answer.data.results}
    read = {name: each["rerank"] for name, each in explained.items()}
    # What repeats one word of the question answers less than what holds two, or all.
    assert read["notes.md"] > 0.9 > read["stack.md"] > read["pushing.md"]
    best = max(each["first_stage"] for each in explained.values())
    scores = [hit.meta.score for hit in answer.data.results]
    blends = [(each["first_stage"] + best * each["rerank"]) / 2 for each in explained.values()]
    assert scores == pytest.approx(blends, abs=1e-5)
    assert scores == sorted(scores, reverse=True)


def test_it_reads_the_header_and_the_text_on_disk(reranking: Reranking) -> None:
    reranking.server.requests.clear()
    changed = reranking.bench.root / "views.md"
    before = changed.read_text(encoding="utf-8")
    changed.write_text(before.replace("answers", "serves"), encoding="utf-8")
    try:
        reranking.ask({"model_name": "far"})
    finally:
        changed.write_text(before, encoding="utf-8")
    [body] = reranking.server.requests
    assert body["query"] == QUESTION
    assert "views | Views\n# Views\n\nA view serves a request.\n" in body["documents"]


def test_so_many_results_are_read(reranking: Reranking) -> None:
    reranking.server.requests.clear()
    place = reranking.first.index("stack.md")
    order, _ = reranking.ask({"model_name": "far", "rerank_top_n": place})
    assert order == reranking.first
    [body] = reranking.server.requests
    assert len(body["documents"]) == place


def test_pages_make_one_list(reranking: Reranking) -> None:
    wanted = {"model_name": "far", "rerank_top_n": 3}
    whole = reranking.ask(wanted)[0]
    pages = [reranking.ask(wanted, top_k=1, offset=place)[0] for place in range(4)]
    assert [name for page in pages for name in page] == whole


def test_an_unknown_name_is_refused_with_the_known_ones(reranking: Reranking) -> None:
    with pytest.raises(InvalidIntent, match=r"there are far, gone, tiny") as raised:
        reranking.ask({"model_name": "tinny"})
    assert "Did you mean tiny? Add one: coco config add-reranker" in str(raised.value.hint)
    related = RelatedRequest(
        project_id=reranking.bench.project_id,
        doc_id="notes.md",
        line=1,
        retrieval_config=RetrievalBody.model_validate({"reranker": {"model_name": "tinny"}}),
    )
    with pytest.raises(InvalidIntent, match="tinny"):
        reranking.bench.daemon.related(related)


def test_a_model_that_fails_leaves_the_first_order_and_says_so(reranking: Reranking) -> None:
    order, notice = reranking.ask({"model_name": "gone"})
    assert order == reranking.first
    assert "These hits are not reranked: There is no directory" in notice
    assert notice.endswith("Correct its path, or export the model there.")
    reranking.server.faults = [(200, {"results": []})]
    order, notice = reranking.ask({"model_name": "far"})
    assert order == reranking.first
    assert "0 scores for 4 texts" in notice


def test_an_adopted_reranker_answers_until_a_query_says_otherwise(reranking: Reranking) -> None:
    bench, first, reranked = reranking.bench, reranking.first, reranking.reranked
    with pytest.raises(InvalidIntent, match="tinny"):
        bench.adopt(retrieval_config={"reranker": {"model_name": "tinny"}})
    bench.adopt(query_config_id="re", retrieval_config={"reranker": {"model_name": "far"}})
    try:
        assert reranking.ask(top_k=3)[0] == reranked[:3]
        _, data = bench.ask(QUESTION, retrieval_mode="fts", reranker=None)
        assert [hit.chunk.doc_id for hit in data.results] == first
        # It goes: queries that did not name it are answered all the same.
        with bench.stopped():
            settings = bench.home / "config.toml"
            before = settings.read_text(encoding="utf-8")
            settings.write_text(before.replace("far]", "renamed]"), encoding="utf-8")
        bench.wait()
        order, notice = reranking.ask()
        assert order == first
        assert "These hits are not reranked: There is no reranker 'far' here" in notice
        with bench.stopped():
            settings.write_text(before, encoding="utf-8")
        bench.wait()
    finally:
        bench.adopt(retrieval_config={})
