"""Tenants, projects, versions with tables of their own, jobs; row-level security on all of them.

Runs before the code that needs it.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    statements = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    # The driver itself: SQLAlchemy would take the colons and percent signs for parameters.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(statements)
