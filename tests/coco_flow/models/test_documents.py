"""`scan_documents`: the table `documents`, in step with a folder."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Field, SQLModel

from coco_flow.errors import DefinitionError, FlowError
from coco_flow.models import (
    Database,
    Document,
    DocumentFilters,
    ModelContext,
    PipelineModelBase,
    Reference,
    TableReader,
    execute_model_sync,
    model,
    scan_documents,
)
from tests.model_parts import contents

NOTHING = {"new": 0, "changed": 0, "unchanged": 0, "gone": 0, "unreadable": 0}

# Long before any scan, so that the files' times count as settled.
OLD = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC).timestamp()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "docs"
    for name, text in {
        "a.md": "# First\n\nOne.\n",
        "guides/b.md": "Nothing here.\n\n## Second ##\n",
        "guides/deep/c.txt": "plain",
        "d.py": "print()",
        ".git/e.md": "# Hidden",
        "node_modules/f.md": "# Dependency",
    }.items():
        write(root / name, text)
    return root


def write(path: Path, text: str, modified: float = OLD) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (modified, modified))


def figures(done: dict[str, Any]) -> dict[str, Any]:
    assert done.pop("seconds") >= 0
    return done


def scan(folder: Path, **options: Any) -> dict[str, Any]:
    return figures(scan_documents(folder, **options))


def test_a_first_scan_records_every_file(database: Database, folder: Path) -> None:
    assert scan(folder) == {**NOTHING, "new": 3, "documents": 3}
    assert contents(database, "documents", "id", "title", "content_type", "status", "size") == [
        ("a.md", "First", "text/markdown", "ready", 14),
        ("guides/b.md", "Second", "text/markdown", "ready", 28),
        ("guides/deep/c.txt", "c", "text/plain", "ready", 5),
    ]
    row = TableReader().load("documents", where={"id": "a.md"}).to_dict("records")[0]
    assert row["path"] == "a.md"
    assert row["content_path"] == f"{folder}/a.md"
    assert row["source"] == str(folder)
    assert row["modified_at"].timestamp() == pytest.approx(OLD) or not row["modified_at"].tzinfo
    assert row["cluster"] is None
    assert row["error"] is None


def test_a_second_scan_finds_nothing_to_do(database: Database, folder: Path) -> None:
    scan(folder)
    before = contents(database, "documents")
    assert scan(folder) == {**NOTHING, "unchanged": 3, "documents": 3}
    assert contents(database, "documents") == before


def test_new_changed_and_gone_files_are_found(database: Database, folder: Path) -> None:
    scan(folder)
    write(folder / "a.md", "# Other\n\nOne.\n", OLD + 1)
    write(folder / "new.md", "# New\n")
    (folder / "guides" / "b.md").unlink()
    expected = {**NOTHING, "new": 1, "changed": 1, "unchanged": 1, "gone": 1, "documents": 3}
    assert scan(folder) == expected
    assert contents(database, "documents", "id", "title") == [
        ("a.md", "Other"),
        ("guides/deep/c.txt", "c"),
        ("new.md", "New"),
    ]


def test_a_file_of_the_same_time_and_size_is_not_read_again(
    database: Database, folder: Path
) -> None:
    scan(folder)
    write(folder / "a.md", "# FIRST\n\nOne.\n")
    assert scan(folder)["changed"] == 0


def test_a_file_that_was_young_when_it_was_read_is_read_again(
    database: Database, folder: Path
) -> None:
    path = folder / "a.md"
    path.write_text("# First\n\nOne.\n", encoding="utf-8")
    scan(folder)
    status = path.stat()
    path.write_text("# FIRST\n\nOne.\n", encoding="utf-8")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert scan(folder)["changed"] == 1


def test_a_touched_file_is_not_changed(database: Database, folder: Path) -> None:
    scan(folder)
    before = contents(database, "documents")
    os.utime(folder / "a.md", (OLD + 99, OLD + 99))
    assert scan(folder) == {**NOTHING, "unchanged": 3, "documents": 3}
    assert contents(database, "documents") == before


def test_what_a_program_set_stays(database: Database, folder: Path) -> None:
    scan(folder)
    table = Document.__table__  # type: ignore[attr-defined]
    with database.writing() as connection:
        connection.execute(update(table).values(status="indexed", cluster="x"))
    write(folder / "a.md", "# Other", OLD + 1)
    scan(folder)
    assert contents(database, "documents", "id", "status", "cluster") == [
        ("a.md", "ready", "x"),
        ("guides/b.md", "indexed", "x"),
        ("guides/deep/c.txt", "indexed", "x"),
    ]


def test_a_folder_that_lost_all_files_deletes_nothing(
    database: Database, folder: Path, tmp_path: Path
) -> None:
    scan(folder)
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(FlowError, match="does not exist"):
        scan(folder)
    folder.mkdir()
    with pytest.raises(DefinitionError, match=r"has no file that matches.*3 documents"):
        scan(folder)
    assert len(contents(database, "documents")) == 3
    assert scan(folder, allow_empty=True) == {**NOTHING, "gone": 3, "documents": 0}


def test_several_folders_share_the_table(database: Database, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write(other / "a.md", "# Also first")
    scan(folder)
    with pytest.raises(DefinitionError, match=r"The document 'a.md' of .* is there already, from"):
        scan(other)
    assert scan(other, source="other")["new"] == 1
    assert scan(folder) == {**NOTHING, "unchanged": 3, "documents": 3}
    ids = [row[0] for row in contents(database, "documents", "id")]
    assert ids == ["a.md", "guides/b.md", "guides/deep/c.txt", "other/a.md"]
    (other / "a.md").unlink()
    assert scan(other, source="other", allow_empty=True)["gone"] == 1
    assert len(contents(database, "documents")) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that nobody can read")
def test_a_file_that_cannot_be_read_is_reported(database: Database, folder: Path) -> None:
    path = folder / "a.md"
    path.unlink()
    # It counts as a regular file, and reading its beginning is an error for root as well.
    path.symlink_to("/proc/self/mem")
    expected = {**NOTHING, "new": 3, "unreadable": 1, "documents": 3}
    assert scan(folder) == expected
    row = contents(database, "documents", "id", "status", "error")[0]
    assert row == ("a.md", "unreadable", "The file cannot be read: Input/output error.")
    assert scan(folder) == {**NOTHING, "unchanged": 3, "unreadable": 1, "documents": 3}
    path.unlink()
    write(path, "# First")
    assert scan(folder)["changed"] == 1
    row = contents(database, "documents", "id", "status", "error", "title")[0]
    assert row == ("a.md", "ready", None, "First")


def test_a_link_to_nothing_is_left_out(database: Database, folder: Path) -> None:
    (folder / "link.md").symlink_to(folder / "nowhere.md")
    assert scan(folder)["documents"] == 3


def test_patterns_choose_files(database: Database, folder: Path) -> None:
    assert scan(folder, patterns="guides/*")["documents"] == 2
    assert scan(folder, patterns=["*.md"], excluded=["guides"])["documents"] == 1
    assert scan(folder, patterns=["*.md"], include_hidden=True)["documents"] == 4


def test_a_relative_folder_stays_relative(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    scan(Path("docs"))
    assert contents(database, "documents", "content_path", "source")[0] == ("docs/a.md", "docs")


def seen_model() -> Any:
    class SeenRow(PipelineModelBase, table=True):
        __tablename__ = "seen"
        document_id: str = Field(primary_key=True)
        length: int

    @model("text.seen", SeenRow)
    def seen(documents: Any = Reference("documents", load_content=True)) -> list[SeenRow]:
        rows = documents.to_dict("records")
        return [SeenRow(document_id=row["id"], length=len(row["content"])) for row in rows]

    return seen


def processed(mode: Any = "full", **filters: Any) -> int:
    context = ModelContext(DocumentFilters(**filters), mode)
    return int(execute_model_sync("text.seen", context)["documents"])


def test_models_read_the_files_and_every_filter_works(database: Database, folder: Path) -> None:
    seen_model()
    scan(folder)
    with database.writing() as connection:
        table = Document.__table__  # type: ignore[attr-defined]
        connection.execute(update(table).where(table.c.id == "a.md").values(cluster="x"))
    assert processed() == 3
    assert contents(database, "seen", "document_id", "length")[0] == ("a.md", 14)
    assert processed(ids="a.md,guides/b.md") == 2
    assert processed(with_status="ready") == 3
    assert processed(source=str(folder)) == 3
    assert processed(in_cluster="x") == 1
    assert processed(with_content_type="text/markdown") == 2
    assert processed(include_pattern="guides/*") == 2
    assert processed(include_pattern="*.md", exclude_pattern="guides/*") == 1
    assert processed(limit=1) == 1


def test_delta_processes_what_the_scan_found(database: Database, folder: Path) -> None:
    seen_model()
    scan(folder)
    assert processed("delta") == 3
    os.utime(folder / "guides" / "b.md", (OLD + 99, OLD + 99))
    scan(folder)
    assert processed("delta") == 0
    write(folder / "a.md", "# First\n\nMore.\n", OLD + 1)
    (folder / "guides" / "b.md").unlink()
    scan(folder)
    assert processed("delta") == 1
    ids = [row[0] for row in contents(database, "seen", "document_id")]
    assert ids == ["a.md", "guides/deep/c.txt"]


def test_a_program_may_have_its_own_documents(database: Database) -> None:
    class Own(SQLModel, table=True):
        __tablename__ = "documents"
        id: str = Field(primary_key=True)

    assert Own.__table__ is not Document.__table__  # type: ignore[attr-defined]
