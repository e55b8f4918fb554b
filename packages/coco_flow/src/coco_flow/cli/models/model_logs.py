"""What models and the durable engine log while a command runs: kept, or written if asked for."""

from __future__ import annotations

import logging
import os

__all__ = ["ModelLogs"]

_MODELS = "coco_flow.models"
_ENGINE = "dbos"
_LOG_LEVEL = "COCO_FLOW_LOG_LEVEL"


class ModelLogs(logging.Handler):
    """Takes the place of the handlers of both while it is entered.

    The command shows events itself, with the model that each is of, so records are written only
    if a log level was chosen; the engine's, only while debugging: it logs every error that is
    reported as well, with its traceback.
    """

    def __init__(self) -> None:
        super().__init__()
        self.errors: dict[str, BaseException] = {}
        """What models raised, by name."""
        self._level = logging.getLogger(_MODELS).level

    def __enter__(self) -> ModelLogs:
        models, engine = logging.getLogger(_MODELS), logging.getLogger(_ENGINE)
        # What a model raised is in a record of this level.
        models.setLevel(logging.DEBUG)
        for logger in (models, engine):
            logger.propagate = False
            logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        models = logging.getLogger(_MODELS)
        models.setLevel(self._level)
        models.propagate = True
        # The engine still logs while the process ends.
        models.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what a model raised, and write the record if it was asked for."""
        if record.name.startswith(_MODELS) and record.exc_info and record.exc_info[1] is not None:
            self.errors[record.name.removeprefix(f"{_MODELS}.")] = record.exc_info[1]
        if self._is_wanted(record):
            for handler in logging.getLogger("coco_flow").handlers:
                handler.handle(record)

    def _is_wanted(self, record: logging.LogRecord) -> bool:
        parent = logging.getLogger("coco_flow")
        if record.name.startswith(_ENGINE):
            return parent.isEnabledFor(logging.DEBUG)
        level = self._level or parent.getEffectiveLevel()
        return bool(os.environ.get(_LOG_LEVEL)) and record.levelno >= level
