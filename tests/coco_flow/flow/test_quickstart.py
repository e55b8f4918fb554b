"""The first flow of a new user: five steps from a folder to an answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import coco_flow
from coco_flow import DataSlice, functions, sources, targets
from tests.flow_parts import flow_state

SENTENCES = {
    "locks": "A worker takes a lock before it writes, and gives the lock back when it has ended.",
    "leases": "A lease runs out by itself, so that a holder that has died blocks nobody for long.",
    "queues": "Messages wait in a queue until a consumer is free, and are delivered in order.",
    "caches": "A cache keeps results near, and forgets the ones that were not asked for lately.",
    "indexes": "An inverted index leads from each word to the documents that contain the word.",
    "backups": "A backup that was never restored is a hope; restore one on a spare machine.",
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, topics in {"one.md": ("locks", "leases", "queues"), "two.md": ()}.items():
        text = f"# Notes in {name}\n\n"
        for topic in topics or ("caches", "indexes", "backups"):
            text += f"## About {topic}\n\n" + f"{SENTENCES[topic]}\n\n" * 20
        (docs / name).write_text(text, encoding="utf-8")
    with flow_state(tmp_path):
        yield docs


@pytest.mark.row("OP-9 quickstart")
def test_five_steps_lead_to_the_right_chunk(folder: Path, tmp_path: Path) -> None:
    index = str(tmp_path / "index.db")

    @coco_flow.transform_flow()
    def embed(text: DataSlice[str]) -> DataSlice[Any]:
        return text.transform(functions.Embed(model="coco-static"))

    @coco_flow.flow_def(name="Quickstart")
    def flow(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(sources.LocalFile(path=str(folder)))
        chunks = scope.add_collector()
        with scope["docs"].row() as doc:
            doc["chunks"] = doc["content"].transform(
                functions.SplitRecursively(),
                language="markdown",
                chunk_size=2000,
                chunk_overlap=500,
            )
            with doc["chunks"].row() as chunk:
                chunk["embedding"] = embed(chunk["text"])
                chunks.collect(
                    filename=doc["filename"],
                    location=chunk["location"],
                    text=chunk["text"],
                    embedding=chunk["embedding"],
                )
        chunks.export(
            "chunks",
            targets.SQLite(index, "chunks"),
            primary_key_fields=["filename", "location"],
            vector_indexes=[
                coco_flow.VectorIndexDef(
                    "embedding", coco_flow.VectorSimilarityMetric.COSINE_SIMILARITY
                )
            ],
        )

    flow.setup()
    stats = flow.update().stats
    assert stats == {"docs": {"num_insertions": 2}}
    # Programs look up any counter.
    assert stats["docs"]["num_errors"] == 0
    with pytest.raises(KeyError, match="num_of_rows"):
        stats["docs"]["num_of_rows"]
    query = """
        SELECT c.filename, c.text FROM chunks__embedding__vec v JOIN chunks c ON c.rowid = v.rowid
        WHERE v.embedding MATCH ? AND k = 1
    """
    with closing(targets.connect_sqlite(index)) as connection:
        for question, (name, topic) in {
            "what happens when the holder of a lease dies?": ("one.md", "leases"),
            "from a word to the documents that contain it": ("two.md", "indexes"),
            "restore a backup on another machine": ("two.md", "backups"),
        }.items():
            ((filename, text),) = connection.execute(query, [embed.eval(question).tobytes()])
            assert filename == name
            counts = {each: text.count(sentence) for each, sentence in SENTENCES.items()}
            assert max(counts, key=counts.__getitem__) == topic
        with pytest.raises(Exception, match="readonly"):
            connection.execute("DELETE FROM chunks")
