"""The files that local mode would index, as items of an import."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from coco_core.errors import InvalidInput
from coco_local.experiment.upload import gathered_items
from coco_local.settings import Settings, load_settings
from tests.experiment_parts import write_pages


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({}, environ={"COCO_HOME": str(tmp_path / "home")})


def contents(root: Path, settings: Settings) -> dict[str, str]:
    with gathered_items(root, settings) as items:
        items.file.seek(0)
        read = [json.loads(line) for line in items.file]
    assert tuple(each["doc_id"] for each in read) == items.documents
    return {each["doc_id"]: each["content"] for each in read}


def digest(root: Path, settings: Settings) -> str:
    with gathered_items(root, settings) as items:
        return items.digest


def test_ignored_and_binary_files_stay_behind(tmp_path: Path, settings: Settings) -> None:
    root = write_pages(tmp_path / "pages")
    (root / ".gitignore").write_text("drafts/\n", encoding="utf-8")
    (root / "drafts").mkdir()
    (root / "drafts" / "x.md").write_text("draft", encoding="utf-8")
    (root / "tool").write_bytes(b"\x7fELF\0\0\0")
    (root / "sub").mkdir()
    (root / "sub" / "latin.md").write_bytes("Gr\xfc\xdfe aus K\xf6ln".encode("latin-1"))
    (root / "outside.md").symlink_to("/etc/hostname")
    found = contents(root, settings)
    assert set(found) == {".gitignore", "faq.md", "guide.md", "tuning.md", "sub/latin.md"}
    assert found["sub/latin.md"] == "Grüße aus Köln"
    assert found["guide.md"] == (root / "guide.md").read_text(encoding="utf-8")


def test_the_digest_is_of_names_and_contents(tmp_path: Path, settings: Settings) -> None:
    first = digest(write_pages(tmp_path / "a"), settings)
    second = write_pages(tmp_path / "b")
    assert digest(second, settings) == first
    os.utime(second / "faq.md", (1, 1))
    assert digest(second, settings) == first
    (second / "faq.md").rename(second / "questions.md")
    assert digest(second, settings) != first


def test_a_directory_without_documents_is_refused(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="would be indexed"):
        digest(tmp_path / "empty", settings)
