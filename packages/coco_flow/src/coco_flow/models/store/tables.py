"""The engine's own tables, in the database of the models so that they commit together."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, Integer, MetaData, Table, Text

__all__ = ["BATCHES", "DOCUMENTS", "METADATA", "RESULTS", "SNAPSHOTS", "TESTS"]

METADATA = MetaData()

RESULTS = Table(
    "coco_model_results",
    METADATA,
    Column("run", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    # The batch's number, or -1 for the model as a whole.
    Column("batch", Integer, primary_key=True),
    Column("result", JSON, nullable=False),
    Column("ended_at", Float, nullable=False),
)
"""What a model or a batch of one did in a run, committed with its rows: it is not done twice."""

DOCUMENTS = Table(
    "coco_model_documents",
    METADATA,
    Column("model", Text, primary_key=True),
    Column("document_id", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("error", Text),
    Column("run", Text, nullable=False),
)
"""The digest of all that decided a document's rows when it was last processed."""

BATCHES = Table(
    "coco_model_batches",
    METADATA,
    Column("run", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("batch", Integer, primary_key=True),
    Column("document_ids", JSON, nullable=False),
)
"""The documents of each batch of a run, so that every process and every repetition has the same."""

SNAPSHOTS = Table(
    "coco_model_snapshots",
    METADATA,
    Column("run", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("taken_at", Float, nullable=False),
    Column("rows", Integer, nullable=False),
    # Share of nulls by column.
    Column("nulls", JSON, nullable=False),
)
"""Row counts and null shares of a model's table after each run."""

TESTS = Table(
    "coco_model_tests",
    METADATA,
    Column("run", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("test", Text, primary_key=True),
    Column("severity", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("examples", JSON, nullable=False),
)
"""What the tests of a model's table found after each run."""
