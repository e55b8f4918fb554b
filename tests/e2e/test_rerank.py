"""A reranker of a user: added, measured as a variant, adopted, and answering everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
import yaml
from mcp import Client

from coco_experiments.results_file import read_results
from coco_protocol.docs import QueryRequest
from tests.cross_encoder import cross_encoder
from tests.daemon_process import Daemon, running_daemon
from tests.experiment_parts import spec, write_pages
from tests.rerank_server import RerankServer, rerank_server

# Most of it is answered by one page, and one word stands in another.
QUESTION = "where are backups of the cache kept"


@dataclass
class Place:
    directory: Path
    daemon: Daemon
    server: RerankServer


def strategy(name: str, **retrieval: object) -> dict[str, object]:
    return {"query_config_id": name, "retrieval_config": {"top_k": 3, **retrieval}}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("reranking")
    write_pages(directory / "pages")
    cross_encoder(directory / "tiny")
    changes = {
        "indexing_strategies": spec()["indexing_strategies"][:1],  # type: ignore[index]  # a list
        "evaluation_set": [
            {"question_id": "q", "query": QUESTION, "expected_doc_ids": ["faq.md"]},
        ],
        "query_strategies": [
            strategy("plain"),
            strategy("read", reranker={"model_name": "tiny", "rerank_top_n": 5}),
            strategy("asked", reranker={"model_name": "far"}),
        ],
    }
    text = yaml.safe_dump(spec(**changes))
    (directory / "experiment.yml").write_text(text, encoding="utf-8")
    with rerank_server() as server:
        # The opinion of this model is the same whatever is asked.
        server.score = lambda query, text: float("tuning" in text.lower())
        home = directory / "home"
        home.mkdir(mode=0o700)
        daemon = Daemon(home)
        for arguments in (("tiny", str(directory / "tiny")), ("far", server.url)):
            added = daemon.coco("config", "add-reranker", *arguments)
            assert added.returncode == 0, added.stderr
            assert "warning" not in added.stderr
        with running_daemon(home) as running:
            yield Place(directory, running, server)


def test_a_reranker_is_measured_adopted_and_answers(place: Place) -> None:
    run = place.daemon.coco("experiment", "run", "experiment.yml", "--out", "r.json",
                            cwd=place.directory)  # fmt: skip
    assert run.returncode == 0, run.stderr
    results = read_results(place.directory / "r.json")
    assert not [answer.error for answer in results.answers if answer.error]
    first = {answer.query_id: answer.hits[0].doc_id for answer in results.answers}
    assert first == {"plain": "faq.md", "read": "faq.md", "asked": "tuning.md"}
    engine = {a.query_id: a.engine for a in results.answers}
    assert "rerank" in engine["read"] and "rerank" not in engine["plain"]

    adopted = place.daemon.coco("experiment", "adopt", "r.json", "--query", "asked",
                                cwd=place.directory)  # fmt: skip
    assert adopted.returncode == 0, adopted.stderr
    project_id = results.target.project_id

    def asked(*options: str) -> str:
        done = place.daemon.coco("query", QUESTION, "-p", project_id, "--files", *options,
                                 cwd=place.directory / "pages")  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.split()[0]

    assert asked() == "tuning.md"
    assert asked("--no-rerank") == "faq.md"
    assert asked("--rerank", "tiny", "--rerank-top-n", "2") == "faq.md"
    assert "tuning.md" in anyio.run(through_mcp, place.daemon, project_id).partition("faq.md")[0]

    place.server.faults = [(500, {}), (500, {})]
    with place.daemon.client as client:
        answer = client.query(QueryRequest(query=QUESTION, project_id=project_id))
    assert answer.data.results[0].chunk.doc_id == "faq.md"
    assert "These hits are not reranked: The reranking server" in str(answer.meta.notice)


async def through_mcp(daemon: Daemon, project: str) -> str:
    """Return the text of the tool `search`."""
    async with Client(f"{daemon.client.base_url}/mcp") as client:
        result = await client.call_tool("search", {"query": QUESTION, "project": project})
        assert not result.is_error
        return "".join(getattr(part, "text", "") for part in result.content)
