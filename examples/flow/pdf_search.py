"""Search in PDF files; a hit has its page.

    coco-flow update examples/flow/pdf_search.py
    coco-flow query examples/flow/pdf_search.py search "which machines were sold?"

PDFS is the folder, INDEX the file of the index. A file that did not change is not read again, and a
broken one fails alone: coco-flow errors examples/flow/pdf_search.py says why.
"""

from __future__ import annotations

import os
from contextlib import closing
from typing import Any

import coco_flow
from coco_flow import DataSlice, QueryOutput, VectorSimilarityMetric, functions
from coco_flow.sources import LocalFile
from coco_flow.targets import SQLite, connect_sqlite

PDFS = os.environ.get("PDFS", "pdfs")
INDEX = os.environ.get("INDEX", "pdf_search.db")


@coco_flow.transform_flow()
def embed(text: DataSlice[str]) -> DataSlice[Any]:
    """Embed pages and questions alike."""
    return text.transform(functions.Embed(model="coco-static"))


@coco_flow.flow_def(name="PdfSearch")
def pdf_search(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
    """Read pages as Markdown, and index the vectors of their parts."""
    scope["files"] = builder.add_source(
        LocalFile(path=PDFS, binary=True, included_patterns=["*.pdf"])
    )
    chunks = scope.add_collector()
    with scope["files"].row() as file:
        file["pages"] = file["content"].transform(functions.PdfPages())
        with file["pages"].row() as page:
            page["chunks"] = page["text"].transform(
                functions.SplitRecursively(), language="markdown", chunk_size=1000
            )
            with page["chunks"].row() as chunk:
                chunk["embedding"] = embed(chunk["text"])
                chunks.collect(
                    filename=file["filename"],
                    page=page["number"],
                    location=chunk["location"],
                    text=chunk["text"],
                    embedding=chunk["embedding"],
                )
    chunks.export(
        "chunks",
        SQLite(INDEX, "chunks"),
        primary_key_fields=["filename", "page", "location"],
        vector_indexes=[
            coco_flow.VectorIndexDef("embedding", VectorSimilarityMetric.COSINE_SIMILARITY)
        ],
    )


NEAREST = """
    SELECT filename, page, text, 1 - distance FROM chunks__embedding__vec AS nearest
    JOIN chunks ON chunks.rowid = nearest.rowid
    WHERE nearest.embedding MATCH ? AND k = ? ORDER BY distance
"""


@pdf_search.query_handler()
def search(query: str, limit: int = 5) -> QueryOutput[dict[str, Any]]:
    """Return the parts of pages that are nearest to a question."""
    names = ("filename", "page", "text", "score")
    with closing(connect_sqlite(INDEX)) as connection:
        rows = connection.execute(NEAREST, [embed.eval(query).tobytes(), limit]).fetchall()
    return QueryOutput([dict(zip(names, row, strict=True)) for row in rows])
