"""Search in source code: each file is split by its own grammar, and a hit has its lines.

    coco-flow update examples/flow/code_search.py
    coco-flow query examples/flow/code_search.py search "write a page as HTML"

CODE is the folder, INDEX the file of the index.
"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import coco_flow
from coco_flow import DataSlice, QueryInfo, QueryOutput, VectorSimilarityMetric, functions
from coco_flow.sources import LocalFile
from coco_flow.targets import SQLite, connect_sqlite

CODE = os.environ.get("CODE", str(Path(__file__).parent))
INDEX = os.environ.get("INDEX", "code_search.db")


@coco_flow.transform_flow()
def embed(text: DataSlice[str]) -> DataSlice[Any]:
    """Embed code and questions alike."""
    return text.transform(functions.Embed(model="coco-static"))


@coco_flow.flow_def(name="CodeSearch")
def code_search(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
    """Split files along their syntax, and index the vectors of the parts."""
    scope["files"] = builder.add_source(
        LocalFile(
            path=CODE,
            included_patterns=["*.py", "*.rs", "*.toml", "*.md"],
            excluded_patterns=["**/.*", "**/target", "**/build", "**/node_modules"],
        )
    )
    chunks = scope.add_collector()
    with scope["files"].row() as file:
        file["language"] = file["filename"].transform(functions.DetectProgrammingLanguage())
        file["chunks"] = file["content"].transform(
            functions.SplitRecursively(), language=file["language"], chunk_size=600
        )
        with file["chunks"].row() as chunk:
            chunk["embedding"] = embed(chunk["text"])
            chunks.collect(
                filename=file["filename"],
                location=chunk["location"],
                language=file["language"],
                first_line=chunk["start"]["line"],
                last_line=chunk["end"]["line"],
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
    SELECT filename, language, first_line, last_line, text, 1 - distance
    FROM chunks__embedding__vec AS nearest JOIN chunks ON chunks.rowid = nearest.rowid
    WHERE nearest.embedding MATCH ? AND k = ? ORDER BY distance
"""


@code_search.query_handler()
def search(query: str, limit: int = 5) -> QueryOutput[dict[str, Any]]:
    """Return the parts of files that are nearest to a question."""
    names = ("filename", "language", "first_line", "last_line", "text", "score")
    vector = embed.eval(query)
    with closing(connect_sqlite(INDEX)) as connection:
        rows = connection.execute(NEAREST, [vector.tobytes(), limit]).fetchall()
    return QueryOutput(
        [dict(zip(names, row, strict=True)) for row in rows], QueryInfo(embedding=vector)
    )
