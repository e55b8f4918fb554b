"""Commands on state in PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from tests.coco_flow.cli.program import coco_flow, document
from tests.postgres_server import database_url, postgres  # noqa: F401 - fixtures


def test_state_in_postgres_is_examined_and_compacted(
    folder: Path,
    database_url: str,  # noqa: F811
) -> None:
    settings = {"COCO_FLOW_DATABASE_URL": database_url}
    assert coco_flow(folder, "update", "app.py:DocFlow", "--force", **settings).returncode == 0
    assert not (folder / ".coco_flow").exists()
    (folder / "docs" / "a.md").write_text("entirely new")
    assert coco_flow(folder, "update", "app.py:DocFlow", **settings).returncode == 0
    found = document(coco_flow(folder, "doctor", "--json", **settings))["findings"]
    messages = {finding["check"]: finding["message"] for finding in found}
    assert messages["state"].startswith("postgresql://")
    assert "1 flow" in messages["state"]
    assert messages["flow DocFlow"] == "2 rows"
    removed = document(coco_flow(folder, "gc", "--older-than", "0", "--json", **settings))
    assert removed["removed"] == 1
    assert removed["bytes_after"] > 0
    assert coco_flow(folder, "ls", **settings).stdout == "DocFlow\n"
