"""An index under an ONNX directory that the user registered."""

from __future__ import annotations

from pathlib import Path

import pytest

from coco_core.configs import ChunkingConfig, EmbeddingConfig, IndexingConfig
from coco_core.errors import InvalidConfig
from coco_local.daemon.runtime import LocalDaemon
from coco_local.settings import load_settings
from coco_protocol.configs import ConfigRequest
from coco_protocol.docs import IndexRequest, QueryRequest, RetrievalBody
from coco_protocol.jobs import JobRequest
from coco_protocol.projects import ProjectRequest, RegisterRequest
from tests.coco_embed.tiny_model import tiny_model
from tests.waiting import until

COLOURS = IndexingConfig(
    "colours", ChunkingConfig("fixed_token", 16), EmbeddingConfig("colours", max_tokens=64)
)


def test_it_is_embedded_counted_and_asked_with_that_model(tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "project"
    tiny_model(home / "tiny")
    table = '[models.colours]\npath = "tiny"\nmax_tokens = 64\n'
    (home / "config.toml").write_text(table, encoding="utf-8")
    root.mkdir()
    for name in ("red", "green", "blue"):
        # Forty words are forty tokens of this model, and so three chunks.
        (root / f"{name}.md").write_text(" ".join([name] * 40), encoding="utf-8")
    settings = load_settings(environ={"COCO_HOME": str(home), "COCO_OFFLINE": "1"})
    daemon = LocalDaemon(settings)
    daemon.start()
    try:
        project_id = daemon.register(RegisterRequest(path=str(root))).project_id
        daemon.add_config(ConfigRequest.model_validate(COLOURS.to_dict()))
        wrong = IndexingConfig("other", embedding=EmbeddingConfig("colors"))
        with pytest.raises(InvalidConfig, match="there are all-MiniLM-L6-v2, coco-static, colours"):
            daemon.add_config(ConfigRequest.model_validate(wrong.to_dict()))
        request = IndexRequest(project_id=project_id, indexing_config_id="colours")
        [job_id] = daemon.index(request).job_ids
        until(lambda: daemon.job(JobRequest(job_id=job_id)).finished_at is not None)
        indexes = daemon.indexes(ProjectRequest(project_id=project_id)).indexes
        built = next(each for each in indexes if each.config_id == "colours")
        assert (built.chunks, built.embedded) == (9, 9)
        vectors = RetrievalBody(retrieval_mode="vector", top_k=1)
        for name in ("red", "green", "blue"):
            answer = daemon.query(
                QueryRequest(
                    query=name,
                    project_id=project_id,
                    indexing_config_id="colours",
                    retrieval_config=vectors,
                )
            )
            meta = answer.meta
            assert (meta.tier, meta.indexing_config_id) == ("transformer", "colours")
            assert answer.data.results[0].chunk.doc_id == f"{name}.md"
    finally:
        daemon.close()
