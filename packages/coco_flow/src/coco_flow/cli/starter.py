"""The files of the starter application that `coco-flow init` writes."""

from __future__ import annotations

from typing import Final

__all__ = ["STARTER_FILES"]

_MAIN = '''\
"""Keeps chunks of the files in ./docs in the SQLite file chunks.db, in step with the files.

    coco-flow update main.py                  # build, or process what changed
    coco-flow update main.py --live           # and follow changes until Ctrl-C
    coco-flow query main.py search "chunk"    # ask the handler at the end of this file
    coco-flow show main.py                    # what the flow does, field by field
"""

from __future__ import annotations

import sqlite3

import coco_flow
from coco_flow import functions, sources, targets

# Paths are those of the folder in which the commands run, as is the state in .coco_flow.
DATABASE = "chunks.db"


@coco_flow.op.function(cache=True, behavior_version=1)
def count_words(text: str) -> int:
    """Any annotated function can be a step of a flow.

    Its results are memoized; raise behavior_version to recompute them.
    """
    return len(text.split())


@coco_flow.flow_def(name="FLOW_NAME")
def documents_flow(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
    """Describe what happens to each file; this runs once, and no file is read by it."""
    scope["documents"] = builder.add_source(
        sources.LocalFile(
            path="docs",
            included_patterns=["**/*.md", "**/*.txt"],
            # Lets live mode hear of changes from the file system.
            watch_changes=True,
        )
    )
    chunks = scope.add_collector()
    with scope["documents"].row() as document:
        document["chunks"] = document["content"].transform(
            functions.SplitRecursively(), language="markdown", chunk_size=1000
        )
        with document["chunks"].row() as chunk:
            chunk["words"] = chunk["text"].transform(count_words)
            chunks.collect(
                filename=document["filename"],
                location=chunk["location"],
                text=chunk["text"],
                words=chunk["words"],
            )
    # Other targets: Postgres, Qdrant, LanceDB, DuckDB, Parquet, Files, ... in coco_flow.targets.
    chunks.export(
        "chunks",
        targets.SQLite(path=DATABASE, table_name="chunks"),
        primary_key_fields=["filename", "location"],
    )


@documents_flow.query_handler()
def search(text: str, limit: int = 5) -> coco_flow.QueryOutput:
    """Find chunks that contain a text."""
    connection = sqlite3.connect(DATABASE)
    try:
        rows = connection.execute(
            "SELECT filename, location, text FROM chunks WHERE text LIKE ? LIMIT ?",
            (f"%{text}%", limit),
        ).fetchall()
    finally:
        connection.close()
    return coco_flow.QueryOutput(
        results=[{"filename": row[0], "location": row[1], "text": row[2]} for row in rows]
    )
'''

_ENVIRONMENT = """\
# Copy this file to .env: coco-flow reads it from this folder or the nearest one above.
# What is set in the environment already wins.

# Where the state is kept. Default: the SQLite file .coco_flow/state.db in the working directory.
# COCO_FLOW_DATABASE_URL=postgresql://user:password@localhost/database

# Separates deployments that share a database: the flow becomes Staging.FLOW_NAME.
# COCO_FLOW_APP_NAMESPACE=Staging

# The HTTP server (coco-flow server main.py).
# COCO_FLOW_SERVER_ADDRESS=127.0.0.1:49344

# Keys of language models, for functions that call one.
# OPENAI_API_KEY=
# ANTHROPIC_API_KEY=
"""

_DOCUMENT = """\
# A first document

Put Markdown or text files into this folder. Each is split into chunks, and each chunk becomes a row
of the table `chunks`.

## What an update does

Only files that changed are read again, and only chunks that changed are written. When you delete a
file, its chunks go, too.
"""

STARTER_FILES: Final = {
    "main.py": _MAIN,
    ".env.example": _ENVIRONMENT,
    "docs/first.md": _DOCUMENT,
}
"""The text of each file by its path; FLOW_NAME is replaced by the flow's name."""
