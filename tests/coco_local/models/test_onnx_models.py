"""An index under an ONNX directory that the user registered."""

from __future__ import annotations

from pathlib import Path

import pytest

from coco_core.configs import ChunkingConfig, EmbeddingConfig, IndexingConfig
from coco_core.errors import InvalidConfig
from tests.coco_embed.tiny_model import tiny_model
from tests.local_daemon import open_bench

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
    with open_bench(home, root) as bench:
        wrong = IndexingConfig("other", embedding=EmbeddingConfig("colors"))
        with pytest.raises(InvalidConfig, match="there are all-MiniLM-L6-v2, coco-static, colours"):
            bench.add_config(wrong)
        bench.build(COLOURS)
        built = bench.indexes()["colours"]
        assert (built.chunks, built.embedded) == (9, 9)
        for name in ("red", "green", "blue"):
            meta, data = bench.ask(name, "colours", retrieval_mode="vector", top_k=1)
            assert (meta.tier, meta.indexing_config_id) == ("transformer", "colours")
            assert data.results[0].chunk.doc_id == f"{name}.md"
