"""LanceDB is imported without a client that nobody uses; where that does not work, with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.programs import python

PROGRAM = """
import sys
from coco_local.store import lance_import
lance_import._CLIENT = sys.argv[2]
lancedb = lance_import.import_lancedb()
assert lance_import.import_lancedb() is lancedb
table = lancedb.connect(sys.argv[1]).create_table("some", [{"key": 1, "vector": [0.5, 0.5]}])
table.add([{"key": 2, "vector": [0.0, 1.0]}])
table.delete("key IN (1)")
print(table.to_arrow()["key"].to_pylist(), "lance_namespace_urllib3_client.api" in sys.modules)
"""


@pytest.mark.parametrize(
    ("left_out", "printed"),
    [
        ("lance_namespace_urllib3_client", "[2] False"),
        # LanceDB takes names from this one: the import fails, and everything is imported.
        ("lance_namespace", "[2] True"),
        ("not_installed_at_all", "[2] True"),
    ],
)
def test_lancedb_works(tmp_path: Path, left_out: str, printed: str) -> None:
    assert python(PROGRAM, tmp_path, left_out).strip() == printed
