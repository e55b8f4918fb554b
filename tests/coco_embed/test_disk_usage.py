"""The size of a directory while another process works in it."""

from __future__ import annotations

import threading
from pathlib import Path

from coco_embed.disk_usage import disk_usage


def test_all_files_below_are_counted(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "deep" / "er" / "b").write_bytes(b"123")
    assert disk_usage(tmp_path) == 8
    assert disk_usage(tmp_path / "nowhere") == 0


def test_files_may_vanish_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "stays").write_bytes(b"12345")
    stopped = threading.Event()

    def churn() -> None:
        while not stopped.is_set():
            for number in range(50):
                (tmp_path / f"{number}.tmp").touch()
            for number in range(50):
                (tmp_path / f"{number}.tmp").unlink()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        assert {disk_usage(tmp_path) for _ in range(300)} == {5}
    finally:
        stopped.set()
        thread.join()
