"""Folders of Google Drive in the component style."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coco_flow import components as coco
from coco_flow.components.connectors import google_drive
from coco_flow.components.connectors.google_drive import GoogleDriveSource
from coco_flow.errors import FlowError
from coco_flow.runtime import run
from coco_flow.sources import google_drive_api as api_module
from tests.drive_server import DOCUMENT, DriveServer, drive_server


@pytest.fixture
def drive(monkeypatch: pytest.MonkeyPatch) -> Iterator[DriveServer]:
    """A drive whose root folder is called root and holds a folder sub."""
    with drive_server() as server:
        monkeypatch.setattr(api_module, "_API", server.api)
        monkeypatch.setattr(api_module, "_FIRST_WAIT", 0.001)
        server.folder("root", "my drive")
        server.folder("sub", "root")
        yield server


@pytest.fixture
def key(drive: DriveServer, tmp_path: Path) -> str:
    return drive.account.write_key(tmp_path / "key.json", token_uri=f"{drive.endpoint}/token")


def source_of(key: str, *roots: str, **options: Any) -> GoogleDriveSource:
    return GoogleDriveSource(
        service_account_credential_path=key, root_folder_ids=list(roots or ["root"]), **options
    )


def texts(source: GoogleDriveSource) -> dict[str, str]:
    async def collect() -> dict[str, str]:
        return {name: await found.read_text() async for name, found in source.items()}

    return run(collect())


@pytest.mark.slow
def test_files_below_the_folders_are_listed_and_read(drive: DriveServer, key: str) -> None:
    for number in range(3):
        drive.put(f"f{number}", "root", f"text {number}".encode(), name=f"{number}.txt")
    drive.put("deep", "sub", b"deep", name="deep.txt")
    drive.put("outside", "elsewhere", b"secret")
    drive.put("gone", "root", b"gone")
    drive.trash("gone")
    drive.put("form", "root", mime_type="application/vnd.google-apps.form")
    drive.put("doc", "sub", b"Doc", DOCUMENT, name="A document")
    assert texts(source_of(key)) == {
        **{f"{n}.txt": f"text {n}" for n in range(3)},
        "deep.txt": "deep",
        "A document": "text/markdown: Doc",
    }
    assert texts(source_of(key, mime_types=[DOCUMENT])) == {"A document": "text/markdown: Doc"}
    spec = google_drive.GoogleDriveSourceSpec(key, ["sub"])
    found = {each.file_path.resolve(): each for each in google_drive.list_files(spec)}
    assert set(found) == {"deep", "doc"}
    assert found["deep"].mime_type == "text/plain"
    assert run(found["deep"].size()) == 4
    assert run(found["deep"].read(2)) == b"de"


def test_files_of_one_name_are_told_apart(drive: DriveServer, key: str) -> None:
    drive.put("a", "root", b"one", name="same.txt")
    drive.put("b", "sub", b"two", name="same.txt")
    assert texts(source_of(key)) == {"same.txt": "one", "same.txt (b)": "two"}


def test_an_unknown_folder_is_an_error_and_not_empty(key: str) -> None:
    with pytest.raises(FlowError, match="There is no folder 'nowhere'"):
        texts(source_of(key, "nowhere"))


@pytest.mark.slow
def test_a_file_is_processed_anew_when_its_content_changes(
    drive: DriveServer, key: str, tmp_path: Path
) -> None:
    drive.put("a", "root", b"one", name="a.txt")
    drive.put("b", "root", b"two", name="b.txt")
    read: list[str] = []

    @coco.fn(memo=True)
    async def process(found: google_drive.DriveFile) -> None:
        read.append(await found.read_text())

    @coco.fn
    async def main() -> None:
        await coco.mount_each(process, source_of(key).items())

    environment = coco.Environment(coco.Settings(db_path=tmp_path / "state"))
    app = coco.App(coco.AppConfig("drive", environment), main)
    app.update_blocking()
    assert sorted(read) == ["one", "two"]
    app.update_blocking()
    drive.put("b", "root", b"three", name="b.txt")
    # Written again with the same content.
    drive.put("a", "root", b"one", name="a.txt")
    app.update_blocking()
    assert sorted(read) == ["one", "three", "two"]
    environment.close()
