"""The PostgreSQL source under the public engine's names."""

from __future__ import annotations

from coco_flow.components.connectors.postgres.source import (
    PgSourceSpec,
    PgTableSource,
    RowFetcher,
)

__all__ = ["PgSourceSpec", "PgTableSource", "RowFetcher"]
