"""The function that parses JSON."""

from __future__ import annotations

import json
from typing import NoReturn

from coco_core.errors import Unreadable
from coco_flow.op.definition import executor_class
from coco_flow.op.spec import FunctionSpec
from coco_flow.types import Json

__all__ = ["ParseJson", "ParseJsonExecutor"]

# What an error shows of a text.
_SHOWN = 60


class ParseJson(FunctionSpec):
    """Parses a text as JSON."""


@executor_class(behavior_version=1)
class ParseJsonExecutor:
    """Runs `ParseJson`."""

    spec: ParseJson

    def __call__(self, text: str, language: str | None = "json") -> Json:  # noqa: ARG002 - CocoIndex has it
        """Return the value.

        Args:
            text: the text.
            language: JSON is read whatever it says.

        Raises:
            Unreadable: the text is not JSON.
        """
        try:
            return json.loads(text, parse_constant=_refuse)
        except ValueError as error:
            shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
            raise Unreadable(
                f"The text is not JSON: {error}: {shown!r}.",
                hint="Leave out what is no JSON, or parse it with a function of your own.",
            ) from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number in JSON")
