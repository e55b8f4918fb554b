from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from coco_core.errors import Unavailable
from coco_embed.download import FileAbsent, download
from coco_embed.minilm_files import OfficialFile
from coco_embed.progress import Progress, SourceFailed, Watch
from tests.coco_embed.file_server import FileServer, serve

CONTENT = np.random.default_rng(1).bytes(3_000_000)
FILE = OfficialFile("weights", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve() as state:
        state.files["/weights"] = CONTENT
        yield state


def fetch(server: FileServer, folder: Path, name: str = "weights") -> bytes:
    download(f"{server.url}/{name}", folder / "got", folder, Watch("test"), FILE)
    return (folder / "got").read_bytes()


def parts(folder: Path) -> list[Path]:
    return list(folder.glob("*.part"))


def test_a_file_arrives_whole_and_progress_is_told(server: FileServer, tmp_path: Path) -> None:
    seen: list[Progress] = []
    watch = Watch("test", seen.append)
    download(f"{server.url}/weights", tmp_path / "got", tmp_path, watch, FILE)
    assert (tmp_path / "got").read_bytes() == CONTENT
    assert parts(tmp_path) == []
    assert (seen[0].stage, seen[0].done_bytes, seen[0].total_bytes) == ("download", 0, FILE.size)
    assert [item.done_bytes for item in seen if item.stage == "download"][-1] == FILE.size
    assert seen[-1].stage == "verify"


def test_a_cut_connection_is_resumed_where_it_ended(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [1_000_000, 500_000]
    assert fetch(server, tmp_path) == CONTENT
    ranges = [wanted for _, wanted in server.requests]
    assert ranges[0] is None
    assert all(wanted is not None for wanted in ranges[1:])
    assert len(ranges) == 3


def test_connections_that_always_break_end_the_attempt(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [1000, 1000, 0, 0, 0, 0]
    with pytest.raises(SourceFailed, match="broke 6 times"):
        fetch(server, tmp_path)
    # The next attempt has what arrived.
    assert fetch(server, tmp_path) == CONTENT
    assert server.requests[-1][1] == "bytes=2000-"


def test_a_server_without_ranges_starts_again(server: FileServer, tmp_path: Path) -> None:
    server.ranges = False
    server.cuts = [1_000_000]
    assert fetch(server, tmp_path) == CONTENT


def test_a_wrong_checksum_is_refused_and_nothing_kept(server: FileServer, tmp_path: Path) -> None:
    server.files["/weights"] = CONTENT[:-1] + b"x"
    with pytest.raises(SourceFailed, match="wrong checksum"):
        fetch(server, tmp_path)
    assert not (tmp_path / "got").exists()
    assert parts(tmp_path) == []


def test_a_part_of_something_else_is_thrown_away(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / f"{FILE.sha256}.part").write_bytes(b"x" * 1_000_000)
    assert fetch(server, tmp_path) == CONTENT
    assert [wanted for _, wanted in server.requests] == ["bytes=1000000-", None]


def test_a_part_that_is_complete_needs_no_server(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / f"{FILE.sha256}.part").write_bytes(CONTENT)
    assert fetch(server, tmp_path) == CONTENT
    assert server.requests == []


def test_a_part_longer_than_the_file_is_thrown_away(server: FileServer, tmp_path: Path) -> None:
    server.files["/weights"] = CONTENT[:1000]
    (tmp_path / f"{FILE.sha256}.part").write_bytes(CONTENT[:2000])
    with pytest.raises(SourceFailed, match="shorter"):
        fetch(server, tmp_path)
    assert parts(tmp_path) == []


def test_a_file_that_does_not_end_is_refused(server: FileServer, tmp_path: Path) -> None:
    server.files["/weights"] = CONTENT * 2
    with pytest.raises(SourceFailed, match="larger than expected"):
        fetch(server, tmp_path)


def test_an_absent_file_is_told_apart(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(FileAbsent, match="404"):
        fetch(server, tmp_path, "nothing")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:9/weights", "cannot connect"),
        ("http://no-such-host.invalid/weights", "has no address|was not resolved"),
    ],
)
def test_an_unreachable_host_fails_soon(url: str, reason: str, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(SourceFailed, match=reason):
        download(url, tmp_path / "got", tmp_path, Watch("test"), FILE)
    assert time.monotonic() - began < 5


def test_cancelling_keeps_what_has_arrived(server: FileServer, tmp_path: Path) -> None:
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 4

    with pytest.raises(Unavailable, match="cancelled"):
        watch = Watch("test", cancelled=cancelled)
        download(f"{server.url}/weights", tmp_path / "got", tmp_path, watch, FILE)
    [part] = parts(tmp_path)
    assert 0 < part.stat().st_size < FILE.size
    assert fetch(server, tmp_path) == CONTENT
