"""A view of a match: the first lines of the scopes around it, then its text."""

from __future__ import annotations

from coco_flow.components.chunk import TextPosition
from coco_flow.components.ops.code_tree import CodeTree, Node
from coco_flow.components.view import SourceView, ViewSegment
from coco_flow.text.chunks import locate

__all__ = ["render_range"]

# A line that is longer says nothing more about the scope.
LONGEST_LINE = 200

# What grammars call the inside of a scope.
_BODIES = ("block", "body", "declaration_list", "compound_statement", "suite", "member_list")


def render_range(tree: CodeTree, start: int, end: int) -> SourceView:
    """Return the view of a range of bytes."""
    builder = _Builder(tree.data)
    shown = 0
    for line_start in _frame_lines(tree, start):
        line_end = _line_end(tree.data, line_start)
        builder.add_frame(line_start, line_end)
        shown = line_end
    if shown and tree.data[shown:start].strip():
        builder.add_gap(_line_start(tree.data, start), start)
    builder.add_content(start, end)
    return builder.view()


def _frame_lines(tree: CodeTree, start: int) -> list[int]:
    """Return where the lines start that open the scopes around a place, the outermost first."""
    lines: list[int] = []
    own_line = _line_start(tree.data, start)
    node: Node | None = tree.root
    while node is not None:
        inner = next((child for child in node.children if child.start <= start < child.end), None)
        if inner is not None and inner.kind.endswith(_BODIES) and node is not tree.root:
            line = _line_start(tree.data, node.start)
            if line != own_line and line not in lines:
                lines.append(line)
        node = inner
    return lines


def _line_start(data: bytes, at: int) -> int:
    return data.rfind(b"\n", 0, at) + 1


def _line_end(data: bytes, at: int) -> int:
    end = data.find(b"\n", at)
    return len(data) if end < 0 else end + 1


class _Builder:
    """Collects stretches of text."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._texts: list[str] = []
        self._segments: list[ViewSegment] = []
        self._length = 0

    def add_frame(self, start: int, end: int) -> None:
        line = self._data[start:end].decode("utf-8", "replace")
        cut = f"{line[:LONGEST_LINE]}…\n" if len(line.rstrip("\n")) > LONGEST_LINE else None
        self._add("frame", start, end, cut)

    def add_gap(self, line_start: int, at: int) -> None:
        """Say that something is left out before a place."""
        before = self._data[line_start:at].decode("utf-8", "replace")
        self._add("frame", at, at, "... " if before.strip() else f"{before}...\n")

    def add_content(self, start: int, end: int) -> None:
        self._add("content", start, end, None)

    def _add(self, kind: str, start: int, end: int, summary: str | None) -> None:
        text = self._data[start:end].decode("utf-8", "replace") if summary is None else summary
        first, last = (TextPosition(*each) for each in locate(self._data, (start, end)))
        self._segments.append(
            ViewSegment(
                first,
                last,
                "content" if kind == "content" else "frame",
                summary,
                self._length,
                self._length + len(text),
            )
        )
        self._texts.append(text)
        self._length += len(text)

    def view(self) -> SourceView:
        return SourceView("".join(self._texts), self._segments)
