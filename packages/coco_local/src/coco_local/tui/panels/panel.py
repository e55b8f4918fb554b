"""Panel: base class with a titled frame, redrawn only when its lines change."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from textual.content import Content
from textual.widget import Widget

from coco_local.tui.drawing import stack

__all__ = ["Panel"]

S = TypeVar("S")


class Panel(Widget, Generic[S]):
    """A frame that draws its state; a state equal to the one shown costs nothing."""

    TITLE: ClassVar[str] = ""
    # Shown while the daemon has not answered yet.
    WAITING: ClassVar[str] = "…"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.border_title = Content(self.TITLE)
        self.state: S | None = None

    def show(self, state: S) -> None:
        """Draw ``state`` unless it is what is shown already."""
        if state != self.state:
            self.state = state
            self.refresh()

    def render(self) -> Content:
        """The lines that fit."""
        width, height = self.content_size
        if not width or not height:
            return Content.empty()
        if self.state is None:
            return Content.styled(self.WAITING, "$faint")
        return stack(self.draw(self.state, width, height), height)

    def draw(self, state: S, width: int, height: int, /) -> list[Content]:
        """The lines of ``state``, each of at most ``width`` cells."""
        raise NotImplementedError
