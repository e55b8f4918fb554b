"""Sealing takes its locks in the order of autovacuum, which avoids a deadlock.

Runs before the code that needs it; the code before it does not notice.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Replace the function that completes a version's tables."""
    statements = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    # The driver itself: SQLAlchemy would take the colons and percent signs for parameters.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(statements)
