"""Indexes under several configs in a real daemon with the real model, driven as a user does."""

from __future__ import annotations

import json
import random
from pathlib import Path

from coco_core.configs import DEFAULT_CONFIG, EmbeddingConfig, IndexingConfig
from coco_protocol.configs import ConfigRequest
from coco_protocol.defaults import AdoptRequest, DefaultsRequest
from coco_protocol.docs import IndexRequest, QueryRequest, RetrievalBody
from coco_protocol.projects import IndexBody, ProjectRequest
from tests.crashes import assert_same, kill
from tests.daemon_process import Daemon, running_daemon, wait_for
from tests.index_contents import index_contents
from tests.many_files import write_many

WINDOW = IndexingConfig("window", embedding=EmbeddingConfig(max_tokens=32))
STATIC = IndexingConfig("static", embedding=EmbeddingConfig("coco-static"))

# Enough that a kill falls into the middle of the copying.
_FILES = 400


def indexes(daemon: Daemon) -> dict[str, IndexBody]:
    """Return the indexes of the only project by config."""
    with daemon.client as client:
        (project,) = client.projects().projects
        found = client.indexes(ProjectRequest(project_id=project.project_id)).indexes
        return {index.config_id: index for index in found}


def test_a_window_of_the_model_is_built_asked_and_adopted_by_hand(
    full_daemon: Daemon, project: Path, tmp_path: Path
) -> None:
    file = tmp_path / "window.json"
    file.write_text(json.dumps(WINDOW.to_dict()), encoding="utf-8")
    coco = full_daemon.coco
    assert coco("config", "add", str(file)).returncode == 0
    refused = coco("query", "cart", "--config", "window", cwd=project)
    assert "coco index --config window" in refused.stderr

    built = json.loads(coco("index", "--config", "window", "--json", cwd=project).stdout)
    counts = built["data"]["jobs"][0]["counts"]
    listed = indexes(full_daemon)
    assert (counts["copied"], counts["parsed"]) == (listed["default"].files, 0)
    assert counts["embedded"] + counts["reused"] == listed["window"].chunks
    assert listed["window"].embedded == listed["window"].chunks

    question = "how much does a customer have to pay"
    both = [
        json.loads(coco("query", question, "--config", name, "--json", cwd=project).stdout)
        for name in ("default", "window")
    ]
    assert [answer["meta"]["tier"] for answer in both] == ["transformer", "transformer"]
    first, second = (
        {hit["chunk"]["chunk_id"]: hit["meta"]["vector"] for hit in answer["data"]["results"]}
        for answer in both
    )
    # Another window is another vector, of the question's long chunks at least.
    assert any(first[chunk] != second[chunk] for chunk in first.keys() & second.keys())
    shown = coco("config", "indexes", cwd=project).stdout.splitlines()
    assert [line.split()[:2] for line in shown[1:]] == [["default", "answers"], ["window", "aside"]]
    assert "beside default in" in coco("status").stdout

    with full_daemon.client as client:
        adopted = DefaultsRequest(
            indexing_config_id="window",
            query_config_id="short",
            retrieval_config=RetrievalBody(top_k=2),
        )
        change = AdoptRequest(project_id=full_daemon.project().project_id, defaults=adopted)
        assert client.adopt(change).indexing_config_id == "window"
    answer = json.loads(coco("query", "cart", "--json", cwd=project).stdout)
    assert answer["meta"]["indexing_config_id"] == "window"
    assert answer["meta"]["query_config_id"] == "short"
    assert len(answer["data"]["results"]) == 2
    three = json.loads(coco("query", "cart", "-k", "3", "--json", cwd=project).stdout)
    assert len(three["data"]["results"]) == 3
    assert coco("config", "drop", "default", cwd=project).returncode == 0
    assert list(indexes(full_daemon)) == ["window"]


def test_a_kill_while_an_index_is_copied_loses_nothing(tmp_path: Path) -> None:
    rng = random.Random(5)
    root = tmp_path / "project"
    write_many(root, _FILES)
    with running_daemon(tmp_path / "home", root) as daemon:
        daemon.wait_indexed()
        with daemon.client as client:
            client.add_config(ConfigRequest.model_validate(STATIC.to_dict()))
            client.index(
                IndexRequest(project_id=daemon.project().project_id, indexing_config_id="static")
            )
        wait_for(lambda: indexes(daemon)["static"].files > _FILES // 4, "a part of the copy")
        kill(daemon, rng)
        daemon.start()

        def complete() -> bool:
            found = indexes(daemon)["static"]
            return found.state == "ready" and found.embedded == found.chunks

        wait_for(complete, "the whole index")
        with daemon.client as client:
            asked = QueryRequest(query="balance of the ledger", indexing_config_id="static")
            answer = client.query(asked)
            assert (answer.meta.status, answer.meta.tier) == ("fresh", "transformer")
            assert answer.data.results
        wait_for(lambda: _all_flushed(daemon), "everything in LanceDB")
        assert daemon.stop() == 0
    found = index_contents(daemon.home, STATIC.fingerprint)
    assert_same(found, index_contents(daemon.home, DEFAULT_CONFIG.fingerprint))
    assert found.vectors == found.chunks


def _all_flushed(daemon: Daemon) -> bool:
    with daemon.client as client:
        return client.stats().stores["unflushed"] == 0
