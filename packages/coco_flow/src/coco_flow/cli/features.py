"""What needs a package that not every installation has, and which extra brings it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

__all__ = ["FEATURES", "Feature"]


@dataclass(frozen=True, slots=True)
class Feature:
    """Operations that need an extra.

    Attributes:
        name: The operations.
        extra: The extra of coco-flow that brings their packages.
        modules: What must be importable.
    """

    name: str
    extra: str
    modules: tuple[str, ...]

    @property
    def missing(self) -> list[str]:
        """The modules that are not installed."""
        return [module for module in self.modules if not _is_installed(module)]

    @property
    def command(self) -> str:
        """The command that installs it."""
        return f"pip install 'coco-flow[{self.extra}]'"


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        # The package around it is missing.
        return False


FEATURES: Final = (
    Feature(
        "sources AmazonS3, AzureBlob, GoogleCloudStorage, GoogleDrive",
        "cloud",
        ("obstore", "botocore", "google.auth", "httpx", "redis"),
    ),
    Feature(
        "PostgreSQL: state, source, target",
        "postgres",
        ("psycopg", "psycopg_pool", "pgvector"),
    ),
    Feature("target SQLite with a vector index", "sqlite", ("sqlite_vec",)),
    Feature("table models", "models", ("dbos", "sqlmodel", "pandas")),
    Feature("DSPy in table models", "dspy", ("dspy",)),
    Feature("table models with frames of Polars", "polars", ("polars",)),
    Feature("target Qdrant", "qdrant", ("qdrant_client",)),
    Feature("target LanceDB", "lancedb", ("lancedb", "pyarrow")),
    Feature("target ChromaDB", "chromadb", ("chromadb",)),
    Feature("target DuckDB", "duckdb", ("duckdb", "pyarrow")),
    Feature("target Parquet", "parquet", ("pyarrow",)),
    Feature("targets CocoLocal and CocoServer", "coco", ("coco_protocol", "httpx")),
    Feature("target Neo4j", "neo4j", ("neo4j",)),
    Feature("target FalkorDB", "falkordb", ("falkordb",)),
    Feature("target Ladybug (Kuzu)", "ladybug", ("ladybug",)),
    Feature("embedding on this machine", "embed", ("coco_embed",)),
    Feature("models of sentence-transformers", "sentence-transformers", ("sentence_transformers",)),
    Feature("embedding of page images", "colpali", ("colpali_engine", "PIL")),
    Feature("language models and embedding services", "llm", ("httpx",)),
    Feature("language models of Bedrock without a token", "bedrock", ("botocore",)),
    Feature("language models of Vertex AI without a token", "vertex", ("google.auth", "httpx")),
    Feature(
        "PDF, DOCX, PPTX, XLSX and images",
        "documents",
        ("pypdfium2", "docx", "pptx", "openpyxl", "PIL"),
    ),
    Feature("the HTTP server", "server", ("fastapi", "uvicorn")),
    Feature("components: PostgreSQL connector", "asyncpg", ("asyncpg", "pgvector")),
    Feature("components: LiteLLM", "litellm", ("litellm", "instructor")),
)
"""All that an extra brings."""
