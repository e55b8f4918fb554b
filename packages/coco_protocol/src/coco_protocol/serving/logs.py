"""JSON logging: ids and figures, without contents or keys."""

from __future__ import annotations

import logging
import sys

import structlog

__all__ = ["configure_json_logs"]


def configure_json_logs(level: str) -> None:
    """Send structlog's events, and what libraries log, to standard error as JSON.

    Tracebacks come without the values of variables.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    # Libraries may log statements and addresses with their values; only their warnings count here.
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)
