"""SVG element tree that escapes all text when it is written."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

__all__ = ["Drawing"]


class Drawing:
    """One inline SVG; names of classes stand for colors, which the page's style sheet knows."""

    def __init__(self, height: int, label: str, *, kind: str = "plot") -> None:
        """``label`` is what a screen reader says; without one the drawing is decoration."""
        self._root = Element("svg", {"class": kind, "width": "100%", "height": str(height)})
        if label:
            self._root.set("role", "img")
            self._root.set("aria-label", label)
        else:
            self._root.set("aria-hidden", "true")

    def box(self, width: float, height: float) -> None:
        """Stretch a coordinate system over the drawing, for shapes that need numbers."""
        self._root.set("viewBox", f"0 0 {width:g} {height:g}")
        self._root.set("preserveAspectRatio", "none")

    def line(self, kind: str, x1: float, y1: str, x2: float, y2: str) -> None:
        """Draw a line; ``x`` in percent, ``y`` as SVG writes it."""
        self._add("line", kind, x1=f"{x1}%", y1=y1, x2=f"{x2}%", y2=y2)

    def bar(self, kind: str, x: float, width: float, y: float, height: float) -> None:
        """Draw a rectangle; ``x`` and ``width`` in percent."""
        self._add(
            "rect", kind, x=f"{x}%", width=f"{round(width, 2)}%", y=f"{y:g}", height=f"{height:g}"
        )

    def dot(self, kind: str, x: float, y: str, radius: float, tip: str = "") -> None:
        """Draw a disc, with a text that appears when it is pointed at."""
        element = self._add("circle", kind, cx=f"{x}%", cy=y, r=f"{radius:g}")
        if tip:
            SubElement(element, "title").text = tip

    def path(self, kind: str, d: str) -> None:
        """Draw a path in the drawing's own coordinates."""
        self._add("path", kind, d=d)

    def text(self, kind: str, x: float, y: str, text: str, *, dx: float = 0, dy: float = 0) -> None:
        """Write a text at a place in percent, moved by pixels."""
        element = self._add("text", kind, x=f"{x}%", y=y, dx=f"{dx:g}", dy=f"{dy:g}")
        element.text = text

    @property
    def markup(self) -> Markup:
        """The finished drawing."""
        # What ElementTree writes is escaped.
        return Markup(tostring(self._root, encoding="unicode"))  # noqa: S704

    def _add(self, tag: str, kind: str, **attributes: str) -> Element:
        return SubElement(self._root, tag, {"class": kind, **attributes})
