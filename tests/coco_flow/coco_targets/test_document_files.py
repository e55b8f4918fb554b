"""Documents as files: names that are safe and different, writes that are seen whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_flow.errors import FlowError
from coco_flow.targets.document_files import (
    DocumentFolder,
    file_name,
    possible_names,
    with_front_matter,
)


@pytest.fixture
def folder(tmp_path: Path) -> DocumentFolder:
    made = DocumentFolder(tmp_path / "documents")
    made.create("docs")
    return made


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("guide/setup.md", "guide/setup.md"),
        ("src/add.py", "src/add.py"),
        ("Makefile", "Makefile"),
        ("notes.txt", "notes.txt"),
        ("page-1", "page-1%.md"),
        ("site.com", "site.com%.md"),
        ("https://site.com/docs/intro", "https%3A/%2F/site.com/docs/intro%.md"),
        ("/absolute.md", "%2F/absolute.md"),
        ("../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd%.md"),
        (".github/x.md", "%2Egithub/x.md"),
        ("a%.md", "a%25.md"),
        ("a\\b\0c.md", "a%5Cb%00c.md"),
        ("trailing ", "trailing%20%.md"),
        ("", "%2F%.md"),
    ],
)
def test_a_key_is_the_name_where_it_can_be_one(key: str, name: str) -> None:
    assert file_name(key) == name
    assert name in possible_names(key)


def test_the_language_decides_where_the_key_does_not() -> None:
    assert file_name("snippet-1", "python") == "snippet-1%.py"
    assert file_name("add.py", "python") == "add.py"
    assert file_name("add.py", "py") == "add.py"
    assert file_name("notes.txt", "markdown") == "notes.txt%.md"
    assert file_name("x", "no language") == "x"
    assert file_name("snippet-1", "python") in possible_names("snippet-1")


@given(st.lists(st.text(alphabet="ab/.%~ é\\:\n", max_size=8), max_size=2, min_size=2, unique=True))
def test_different_keys_have_different_safe_names(keys: list[str]) -> None:
    one, two = map(file_name, keys)
    assert one != two
    for name in (one, two):
        assert not name.startswith("/")
        assert all(part not in ("", ".", "..") and part[0] != "." for part in name.split("/"))


def test_long_names_are_cut_and_stay_different(folder: DocumentFolder) -> None:
    keys = ["x" * 300 + ".py", "x" * 301 + ".py", "é" * 300, "漢" * 200 + "/b.md"]
    names = [file_name(key) for key in keys]
    assert len(set(names)) == 4
    for name in names:
        folder.write(name, name)
    assert [(folder.root / name).read_text("utf-8") for name in names] == names
    assert names[0].endswith(".py")


def test_a_document_is_written_once_and_deleted_with_its_folders(folder: DocumentFolder) -> None:
    assert folder.write("a/b/c.md", "one")
    before = (folder.root / "a/b/c.md").stat()
    assert not folder.write("a/b/c.md", "one")
    assert (folder.root / "a/b/c.md").stat().st_mtime_ns == before.st_mtime_ns
    assert folder.write("a/b/c.md", "two")
    folder.write("a/d.md", "d")
    folder.delete("a/b/c.md")
    folder.delete("a/b/c.md")
    assert sorted(each.name for each in folder.root.iterdir()) == [".coco-flow", ".cocoignore", "a"]
    assert [each.name for each in (folder.root / "a").iterdir()] == ["d.md"]
    folder.delete("a/d.md")
    assert not (folder.root / "a").exists()
    assert list((folder.root / ".coco-flow").iterdir()) == [folder.root / ".coco-flow" / "owner"]


def test_a_name_that_is_a_folder_already_is_an_error(folder: DocumentFolder) -> None:
    folder.write("a.md/b.md", "b")
    with pytest.raises(FlowError, match=r"'a.md' cannot be written"):
        folder.write("a.md", "a")
    folder.write("c.md", "c")
    with pytest.raises(FlowError, match=r"'c.md/d.md' cannot be written"):
        folder.write("c.md/d.md", "d")
    folder.delete("a.md")
    assert (folder.root / "a.md/b.md").exists()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, folder: DocumentFolder) -> None:
    folder.create("docs")
    with pytest.raises(FlowError, match="holds the documents of docs"):
        DocumentFolder(folder.root).create("other")
    DocumentFolder(folder.root).remove("other")
    assert folder.exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear", "utf-8")
    with pytest.raises(FlowError, match="holds files that no flow wrote"):
        DocumentFolder(mine).create("docs")
    DocumentFolder(mine).remove("docs")
    assert (mine / "letter.txt").exists()
    folder.remove("docs")
    assert not folder.root.exists()


def test_front_matter_stands_in_markdown_only() -> None:
    fields = {"title": 'A "title": yes', "tags": ["a", "b"], "n": 1}
    written = with_front_matter("x%.md", "# Text\n", fields)
    assert written == ('---\ntitle: "A \\"title\\": yes"\ntags: ["a", "b"]\nn: 1\n---\n\n# Text\n')
    assert with_front_matter("x.py", "x = 1\n", fields) == "x = 1\n"
    assert with_front_matter("x.md", "---\na: 1\n---\ntext", fields) == "---\na: 1\n---\ntext"
    assert with_front_matter("x.md", "text", {}) == "text"
