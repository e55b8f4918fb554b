"""The function that detects the programming language of a file."""

from __future__ import annotations

from coco_flow.op.definition import executor_class
from coco_flow.op.spec import FunctionSpec
from coco_flow.text.languages import detect_code_language

__all__ = ["DetectProgrammingLanguage", "DetectProgrammingLanguageExecutor"]


class DetectProgrammingLanguage(FunctionSpec):
    """Detects the language of a file by the last suffix of its name; None if it is not known."""


@executor_class(behavior_version=1)
class DetectProgrammingLanguageExecutor:
    """Runs `DetectProgrammingLanguage`."""

    spec: DetectProgrammingLanguage

    def __call__(self, filename: str) -> str | None:
        """Return the language's name, as splitters know it."""
        return detect_code_language(filename=filename)
