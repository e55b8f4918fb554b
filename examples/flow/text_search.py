"""Search in a folder of Markdown files, by meaning.

    coco-flow update examples/flow/text_search.py
    coco-flow query examples/flow/text_search.py search "there is air in the radiator"
    python examples/flow/text_search.py            asks for questions until an empty line

DOCS is the folder, INDEX the file of the index. MODEL=all-MiniLM-L6-v2 embeds with that model
instead of a table of words: the next update embeds every chunk again.
"""

from __future__ import annotations

import os
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import coco_flow
from coco_flow import DataSlice, QueryInfo, QueryOutput, VectorSimilarityMetric, functions
from coco_flow.sources import LocalFile
from coco_flow.targets import SQLite, connect_sqlite

DOCS = os.environ.get("DOCS", str(Path(__file__).parent / "notes"))
INDEX = os.environ.get("INDEX", "text_search.db")
MODEL = os.environ.get("MODEL", "coco-static")


@coco_flow.transform_flow()
def embed(text: DataSlice[str]) -> DataSlice[Any]:
    """Embed chunks when they are indexed, and questions when they are asked."""
    return text.transform(functions.Embed(model=MODEL))


@coco_flow.flow_def(name="TextSearch")
def text_search(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
    """Cut each file into chunks along its headings, and index their vectors."""
    scope["docs"] = builder.add_source(
        LocalFile(path=DOCS, included_patterns=["*.md"], watch_changes=True),
        refresh_interval=timedelta(minutes=1),
    )
    chunks = scope.add_collector()
    with scope["docs"].row() as doc:
        doc["chunks"] = doc["content"].transform(
            functions.SplitRecursively(), language="markdown", chunk_size=300
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
        SQLite(INDEX, "chunks"),
        primary_key_fields=["filename", "location"],
        vector_indexes=[
            coco_flow.VectorIndexDef("embedding", VectorSimilarityMetric.COSINE_SIMILARITY)
        ],
    )


NEAREST = """
    SELECT filename, text, 1 - distance FROM chunks__embedding__vec AS nearest
    JOIN chunks ON chunks.rowid = nearest.rowid
    WHERE nearest.embedding MATCH ? AND k = ? ORDER BY distance
"""


@text_search.query_handler(
    result_fields=coco_flow.QueryHandlerResultFields(embedding=["embedding"], score="score")
)
def search(query: str, limit: int = 5) -> QueryOutput[dict[str, Any]]:
    """Return the chunks that are nearest to a question."""
    vector = embed.eval(query)
    with closing(connect_sqlite(INDEX)) as connection:
        rows = connection.execute(NEAREST, [vector.tobytes(), limit]).fetchall()
    return QueryOutput(
        [{"filename": name, "text": text, "score": score} for name, text, score in rows],
        QueryInfo(embedding=vector, similarity_metric=VectorSimilarityMetric.COSINE_SIMILARITY),
    )


def main() -> None:
    """Bring the index up to date, and answer questions."""
    text_search.setup()
    print(text_search.update())  # noqa: T201
    while question := input("question: "):
        for hit in search(question, limit=3).results:
            text = " ".join(hit["text"].split())[:80]
            print(f"{hit['score']:.3f} {hit['filename']}: {text}")  # noqa: T201


if __name__ == "__main__":
    main()
