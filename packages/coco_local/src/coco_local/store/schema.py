"""The SQLite schema: projects, configs, their indexes, documents, chunks.

SQLite says which documents and chunks exist and where they stand in a file; LanceDB holds their
terms and vectors under the chunk's integer key. A document's chunks are replaced in one
transaction. None of that is worth a migration, for all of it can be rebuilt from disk: another
`SCHEMA_VERSION` drops it. What a user has said (`KEPT`) stays; a new table is made beside it.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

__all__ = [
    "KEPT",
    "SCHEMA_VERSION",
    "adopted",
    "chunks",
    "configs",
    "documents",
    "embedded_by",
    "indexes",
    "metadata",
    "projects",
    "standalone_projects",
]

# 2: text is composed before it is cut into terms, and single characters of scripts without spaces
# are terms too. Vectors are kept apart, by content: none is computed anew.
# 3: definitions have their last lines and signatures.
SCHEMA_VERSION = 3

metadata = MetaData()

configs = Table(
    "configs",
    metadata,
    Column("config_id", String, primary_key=True),
    Column("fingerprint", String, nullable=False),
    Column("body", String, nullable=False),  # JSON of IndexingConfig
    Column("created_at", Float, nullable=False),
)

projects = Table(
    "projects",
    metadata,
    Column("project_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("root", LargeBinary, nullable=False, unique=True),  # os.fsencode: any path can be kept
    Column("config_id", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("indexed_at", Float),
)

# The indexes of a project, by config; `projects.config_id` is the one that answers. Projects from
# before this table have no row for their only one.
indexes = Table(
    "indexes",
    metadata,
    Column("project_id", String, primary_key=True),
    Column("config_id", String, primary_key=True),
    Column("dimension", Integer, nullable=False),  # known also while the model cannot be asked
    Column("created_at", Float, nullable=False),
)

# What queries of a project take for what they leave out, and the index that will answer.
adopted = Table(
    "adopted",
    metadata,
    Column("project_id", String, primary_key=True),
    Column("query_config_id", String),
    Column("retrieval", String),  # JSON of a RetrievalBody, only what was set
    Column("pending_config_id", String),  # becomes the project's as soon as its index is complete
)

# Projects that no path leads to, inside others that keep their files.
standalone_projects = Table(
    "apart_projects",
    metadata,
    Column("project_id", String, primary_key=True),
)

# Whose vectors an index holds: a registered model may be exported anew under its old name.
embedded_by = Table(
    "embedded_by",
    metadata,
    Column("index_id", String, primary_key=True),
    Column("embedder", String, nullable=False),
)

KEPT = (projects, configs, indexes, adopted, standalone_projects)
"""Tables that survive another `SCHEMA_VERSION`: only the user could fill them again."""

documents = Table(
    "documents",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("index_id", String, nullable=False),  # project and config, see store.documents
    Column("doc_id", LargeBinary, nullable=False),  # os.fsencode of the relative path
    Column("size", Integer, nullable=False),
    Column("mtime_ns", Integer, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("language", String, nullable=False),
    Column("encoding", String, nullable=False),
    Column("chunk_count", Integer, nullable=False),
    Column("indexed_at", Float, nullable=False),
    Column("stored", Integer, nullable=False, default=0),  # 1: its terms are in LanceDB
    UniqueConstraint("index_id", "doc_id"),
    sqlite_autoincrement=True,
)

chunks = Table(
    "chunks",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("document_key", ForeignKey("documents.key", ondelete="CASCADE"), nullable=False),
    Column("chunk_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("language", String, nullable=False),
    Column("symbol", String, nullable=False),
    Column("signature", String, nullable=False),
    Column("definitions", String, nullable=False),  # JSON: [[path, kind, line, …], …]
    Column("heading_trail", String, nullable=False),  # JSON: […]
    Column("fragment", String, nullable=False),
    Column("start_line", Integer, nullable=False),
    Column("end_line", Integer, nullable=False),
    Column("start_byte", Integer, nullable=False),
    Column("end_byte", Integer, nullable=False),
    Column("token_count", Integer, nullable=False),
    Column("content_hash", String, nullable=False),
    Column("embed_key", LargeBinary, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    # A key is never used twice, so that a row left behind in LanceDB cannot be taken for a newer
    # one.
    sqlite_autoincrement=True,
)
Index("chunks_by_document", chunks.c.document_key)
