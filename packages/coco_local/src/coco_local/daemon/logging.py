"""The daemon's log: one stream of structured events to the terminal, the file and the dashboard."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Literal, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter

__all__ = ["LogStyle", "configure_logging", "follow_log"]

LogStyle = Literal["console", "json", "none"]
"""What goes to the terminal: for people, for programs, or nothing (a dashboard is there)."""

# Some tens of thousands of lines in all: weeks of a quiet daemon.
_FILE_BYTES = 4 << 20
_OLD_FILES = 3

# Libraries that log every request or every poll at the level "info".
_CHATTY = ("uvicorn", "httpx", "httpcore", "mcp", "watchfiles", "asyncio", "lance", "multipart")

_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


class _SinkHandler(logging.Handler):
    """Passes level and message on to whoever shows the latest lines."""

    def __init__(self, sink: Callable[[str, str], None]) -> None:
        super().__init__()
        self._sink = sink
        self.setFormatter(
            ProcessorFormatter(
                foreign_pre_chain=_SHARED[:2],
                processors=[
                    ProcessorFormatter.remove_processors_meta,
                    _without("level", "logger", "timestamp", "exc_info"),
                    structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, pad_level=False),
                ],
            )
        )

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._sink(record.levelname.lower(), self.format(record).strip())
        except Exception:  # noqa: BLE001 - logging's own contract: a log line never raises
            self.handleError(record)


def configure_logging(level: str, style: LogStyle, file: Path | None, stream: TextIO) -> None:
    """Send all log events to ``stream`` in ``style``, and to ``file`` as JSON lines."""
    handlers: list[logging.Handler] = []
    if style != "none":
        terminal = logging.StreamHandler(stream)
        renderer: structlog.typing.Processor = (
            structlog.dev.ConsoleRenderer(colors=stream.isatty())
            if style == "console"
            else structlog.processors.JSONRenderer()
        )
        terminal.setFormatter(_formatter(renderer, traceback=style == "json"))
        handlers.append(terminal)
    if file is not None:
        rotating = RotatingFileHandler(
            file, maxBytes=_FILE_BYTES, backupCount=_OLD_FILES, encoding="utf-8", delay=True
        )
        rotating.setFormatter(_formatter(structlog.processors.JSONRenderer(), traceback=True))
        handlers.append(rotating)
    number = logging.getLevelNamesMapping()[level.upper()]
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(number)
    # A full disk or a closed terminal must not fill the other handlers with tracebacks.
    logging.raiseExceptions = False
    logging.getLogger("uvicorn.error").addFilter(_is_not_cancelled)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[*_SHARED, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=False,
    )
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_thread


def follow_log(sink: Callable[[str, str], None]) -> None:
    """Call ``sink(level, message)`` for every further event."""
    logging.getLogger().addHandler(_SinkHandler(sink))


def _is_not_cancelled(record: logging.LogRecord) -> bool:
    """Leave out requests that the stop of the daemon cut off: that is what a stop does."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, asyncio.CancelledError)


def _formatter(renderer: structlog.typing.Processor, *, traceback: bool) -> ProcessorFormatter:
    processors: list[structlog.typing.Processor] = [ProcessorFormatter.remove_processors_meta]
    if traceback:
        processors.append(structlog.processors.format_exc_info)
    return ProcessorFormatter(foreign_pre_chain=_SHARED, processors=[*processors, renderer])


def _without(*names: str) -> structlog.typing.Processor:
    def drop(
        logger: object, method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        del logger, method
        return {key: value for key, value in event.items() if key not in names}

    return drop


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: object) -> None:
    del trace
    if issubclass(kind, KeyboardInterrupt):
        return
    structlog.get_logger(__name__).critical("uncaught", exc_info=error)


def _log_thread(arguments: threading.ExceptHookArgs) -> None:
    error = arguments.exc_value
    if error is None or isinstance(error, SystemExit):
        return
    name = arguments.thread.name if arguments.thread is not None else "?"
    structlog.get_logger(__name__).critical("thread_died", thread=name, exc_info=error)
