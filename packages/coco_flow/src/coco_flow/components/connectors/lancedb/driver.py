"""Imports of LanceDB and Arrow, with an error that says how to install them."""

from __future__ import annotations

from coco_flow.errors import missing_extra

try:
    import lancedb
    import pyarrow as pa
    from lancedb import index as lancedb_index
    from lancedb.db import AsyncConnection as LanceAsyncConnection
except ImportError as error:
    raise missing_extra("The LanceDB connector of components", "lancedb", "lancedb") from error

__all__ = ["LanceAsyncConnection", "lancedb", "lancedb_index", "pa"]
