"""Folders of Google Drive behind its HTTP interface."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from coco_core.errors import Unavailable
from coco_flow.errors import DefinitionError, FlowError, RowFailed
from coco_flow.ports import ReadRow
from coco_flow.sources import GoogleDrive
from coco_flow.sources import google_drive_api as api_module
from tests.coco_flow.sources.listing import contents, listed, next_change, opened, read, run
from tests.drive_server import DOCUMENT, DriveServer, drive_server
from tests.google_account import GoogleAccount

pytestmark = pytest.mark.slow

SOON = timedelta(milliseconds=10)
TEXT = "text/plain"


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


def source_of(key: str, *roots: str, **options: Any) -> Any:
    spec = GoogleDrive(
        service_account_credential_path=key, root_folder_ids=list(roots or ["root"]), **options
    )
    return opened(spec)


@pytest.mark.row("CLD-1/2/3 cloud sources")
def test_files_below_the_folders_are_rows(drive: DriveServer, key: str) -> None:
    for number in range(5):
        drive.put(f"f{number}", "root", f"text {number}".encode(), name=f"{number}.txt")
    drive.put("deep", "sub", b"deep", name="deep.txt")
    drive.put("outside", "elsewhere", b"secret")
    drive.put("gone", "root", b"gone")
    drive.trash("gone")
    drive.put("form", "root", mime_type="application/vnd.google-apps.form")
    drive.put("doc", "sub", b"Doc", DOCUMENT, name="A document")
    source = source_of(key)
    assert contents(source) == {
        **{f"f{n}": [f"{n}.txt", TEXT, f"text {n}"] for n in range(5)},
        "deep": ["deep.txt", TEXT, "deep"],
        "doc": ["A document", DOCUMENT, "text/markdown: Doc"],
    }
    assert [str(field).partition(" [")[0] for field in source.schema.value] == [
        *("filename: Str", "mime_type: Str", "content: Str")
    ]
    assert contents(source_of(key, "sub", binary=True)) == {
        "deep": ["deep.txt", TEXT, b"deep"],
        "doc": ["A document", DOCUMENT, b"application/pdf: Doc"],
    }


@pytest.mark.row("CLD-4 patterns")
def test_patterns_see_the_path_below_the_root(drive: DriveServer, key: str) -> None:
    drive.folder("drafts", "sub")
    for file_id, parent in (("a", "root"), ("b", "sub"), ("c", "drafts"), ("d", "root")):
        drive.put(file_id, parent, b"12345", name=f"{file_id}.md")
    drive.files["d"].name = "d.pdf"
    source = source_of(key, included_patterns=["*.md"], excluded_patterns=["sub/drafts"])
    assert set(listed(source)) == {"a", "b"}
    assert not any("/files/c" in request for request in drive.requests)
    # A fresh source does not know the folders yet, and finds its way up.
    fresh = source_of(key, included_patterns=["*.md"], excluded_patterns=["sub/drafts"])
    entries = read(fresh, "a", "b", "c", "d", "missing", "sub")
    assert [entry.value is not None for entry in entries] == [  # type: ignore[union-attr]
        *(True, True, False, False, False, False)
    ]
    assert set(listed(source_of(key, max_file_size=4))) == set()
    assert set(listed(source_of(key, included_patterns=["sub/*"]))) == {"b", "c"}


def test_the_token_follows_content_and_name(drive: DriveServer, key: str) -> None:
    drive.put("a", "root", b"1")
    drive.put("b", "root", b"1")
    drive.put("doc", "root", b"1", DOCUMENT)
    source = source_of(key)
    before = listed(source)
    drive.files["a"].modified += 500  # touched
    drive.files["b"].name = "other"
    drive.files["doc"].modified += 500
    after = listed(source)
    assert {key for key in after if after[key].token != before[key].token} == {"b", "doc"}
    (entry,) = read(source, "a")
    assert isinstance(entry, ReadRow)
    assert entry.token == after["a"].token


@pytest.mark.row("SR-10 Drive")
@pytest.mark.row("SR-3 push change capture")
def test_the_poll_picks_up_what_changed(drive: DriveServer, key: str) -> None:
    drive.put("a", "root", b"1")
    drive.put("b", "sub", b"1")
    source = source_of(key, recent_changes_poll_interval=SOON)
    assert source.change_capture == "poll of Google Drive's list of changes"

    async def body() -> None:
        watch = source.watch()
        drive.put("a", "root", b"2")
        drive.put("outside", "elsewhere", b"2")
        drive.put("new", "sub", b"2")
        drive.remove("b")
        changed: set[str] = set()
        while changed != {"a", "outside", "new", "b"}:
            changed |= await next_change(watch)
        entries = await source.read([(file_id,) for file_id in ("a", "outside", "new", "b")])
        assert [entry.value and entry.value[2] for entry in entries] == ["2", None, "2", None]
        # A folder that goes takes with it what lies below.
        drive.trash("sub")
        assert await next_change(watch) is None
        await watch.aclose()

    run(body)
    assert set(listed(source)) == {"a"}


def test_a_folder_that_moves_calls_for_a_listing(drive: DriveServer, key: str) -> None:
    drive.folder("far", "elsewhere")
    drive.put("c", "far", b"3")
    source = source_of(key, recent_changes_poll_interval=SOON)

    async def body() -> None:
        watch = source.watch()
        assert (await source.read([("c",)])) == [ReadRow(None)]
        drive.folder("far", "root")
        assert await next_change(watch) is None
        await watch.aclose()

    run(body)
    assert set(listed(source)) == {"c"}
    assert source_of(key).watch() is None
    assert source_of(key).change_capture is None


def test_a_busy_service_is_asked_again(drive: DriveServer, key: str) -> None:
    drive.put("a", "root", b"1")
    limit = {"error": {"message": "later", "errors": [{"reason": "userRateLimitExceeded"}]}}
    drive.answers = [(429, {}), (503, {}), (403, limit)]
    assert set(listed(source_of(key))) == {"a"}
    drive.answers = [(500, {})] * 6
    with pytest.raises(Unavailable, match="HTTP 500"):
        listed(source_of(key))


def test_a_file_that_is_refused_fails_its_row_only(drive: DriveServer, key: str) -> None:
    drive.put("a", "root", b"1")
    drive.put("b", "root", b"1")
    drive.answers = [(403, {"error": {"message": "The download is forbidden."}})]
    first, second = [read(source_of(key), file_id)[0] for file_id in ("a", "b")]
    assert isinstance(first, RowFailed)
    assert "The download is forbidden" in str(first)
    assert isinstance(second, ReadRow)


def test_what_is_wrong_with_the_account_or_the_folder_is_told(
    drive: DriveServer, key: str, tmp_path: Path
) -> None:
    with pytest.raises(FlowError, match=r"no folder 'absent'.*Share the folder"):
        listed(source_of(key, "root", "absent"))
    stranger = GoogleAccount().write_key(
        tmp_path / "stranger.json", token_uri=f"{drive.endpoint}/token"
    )
    with pytest.raises(Unavailable, match=r"gives no access token.*Bad signature"):
        listed(source_of(stranger))
    (tmp_path / "none.json").write_text("{}", encoding="utf-8")
    for name in ("none.json", "missing.json"):
        with pytest.raises(DefinitionError, match="not the key file of a service account"):
            source_of(str(tmp_path / name))


def test_one_token_serves_many_requests(drive: DriveServer, key: str) -> None:
    drive.put("a", "root", b"1")
    source = source_of(key)
    contents(source)
    contents(source)
    assert drive.tokens == 1
