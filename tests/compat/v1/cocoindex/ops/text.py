"""Re-exports coco_flow.components.ops.text."""

from __future__ import annotations

from typing import Self

from coco_flow.components.ops import text
from coco_flow.components.ops.text import *  # noqa: F403


class CustomLanguageConfig(text.CustomLanguageConfig):
    """A language of the program's own; programs' tests look at the native object behind it."""

    @property
    def _config(self) -> Self:
        return self
