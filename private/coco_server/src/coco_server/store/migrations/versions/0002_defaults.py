"""Project defaults: the index and the retrieval config for queries that name none.

Runs before the code that needs it; the code before it does not notice.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns of an adopted retrieval config."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
