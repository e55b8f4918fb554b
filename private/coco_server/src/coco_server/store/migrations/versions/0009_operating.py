"""Operating: compatible programs, workers seen, dead letters, usage by month, erasure, backups.

Runs before the code that needs it; the code before it does not notice.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0007"


def upgrade() -> None:
    """Run the statements of the file with this name."""
    statements = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    # The driver itself: SQLAlchemy would take the colons and percent signs for parameters.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(statements)
