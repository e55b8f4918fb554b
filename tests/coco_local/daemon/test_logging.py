from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from coco_local.daemon.logging import configure_logging, follow_log


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, raises = root.handlers[:], root.level, logging.raiseExceptions
    hooks = sys.excepthook, threading.excepthook
    yield
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        if handler not in handlers:
            handler.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
    logging.raiseExceptions = raises
    sys.excepthook, threading.excepthook = hooks
    structlog.reset_defaults()


def _lines(text: str) -> list[dict[str, object]]:
    """The events; lines of other libraries get their time from each handler."""
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(line.pop("timestamp").endswith("Z") for line in lines)
    return lines


def test_one_event_reaches_terminal_file_and_dashboard(tmp_path: Path) -> None:
    stream, told = io.StringIO(), []
    configure_logging("info", "json", tmp_path / "coco.log", stream)
    follow_log(lambda level, message: told.append((level, message)))
    log = structlog.get_logger("coco_local.test")
    log.info("listening", port=1)
    log.debug("not shown")
    logging.getLogger("other").warning("from %s", "elsewhere")
    assert _lines(stream.getvalue()) == _lines((tmp_path / "coco.log").read_text(encoding="utf-8"))
    first, second = _lines(stream.getvalue())
    assert (first["event"], first["port"], first["level"]) == ("listening", 1, "info")
    assert (second["event"], second["logger"]) == ("from elsewhere", "other")
    assert told == [("info", "listening port=1"), ("warning", "from elsewhere")]


def test_people_read_words_and_the_dashboard_keeps_the_terminal(tmp_path: Path) -> None:
    stream = io.StringIO()
    configure_logging("info", "console", None, stream)
    structlog.get_logger().info("listening", port=1)
    assert "listening" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()
    configure_logging("info", "none", tmp_path / "coco.log", stream)
    before = stream.getvalue()
    structlog.get_logger().info("again")
    assert stream.getvalue() == before


def test_a_failure_is_logged_with_its_traceback(tmp_path: Path) -> None:
    stream, told = io.StringIO(), []
    configure_logging("info", "json", None, stream)
    follow_log(lambda level, message: told.append((level, message)))

    def fail() -> None:
        raise ValueError("broken")

    thread = threading.Thread(target=fail, name="worker")
    thread.start()
    thread.join()
    (line,) = _lines(stream.getvalue())
    assert (line["event"], line["thread"], line["level"]) == ("thread_died", "worker", "critical")
    assert "ValueError: broken" in str(line["exception"])
    assert [level for level, _ in told] == ["critical"]


def test_the_file_is_rolled_over(tmp_path: Path) -> None:
    configure_logging("info", "none", tmp_path / "coco.log", io.StringIO())
    log = structlog.get_logger()
    for _ in range(40):
        log.info("x" * 200_000)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) == {"coco.log", "coco.log.1"}
    assert max(sizes.values()) <= 4 << 20


def test_libraries_are_quiet(tmp_path: Path) -> None:
    stream = io.StringIO()
    configure_logging("info", "json", None, stream)
    logging.getLogger("uvicorn.error").info("Started server process")
    assert stream.getvalue() == ""
