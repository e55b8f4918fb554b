"""Draws a pipeline's diagram as SVG: levels from left to right, what is read as curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from coco_flow.models.html_text import Html, join, tag

if TYPE_CHECKING:
    from coco_flow.models.diagram import Diagram, Edge, Node

__all__ = ["draw"]

# Pixels. A character of the monospaced font of 12 pixels is somewhat over 7 wide.
_CHARACTER = 7.3
_BOX_HEIGHT = 44
_PADDING = 12
_ROW_GAP = 16
_LEVEL_GAP = 72
_MARGIN = 8
# An edge that passes a level takes a lane there, which is thinner than a box.
_LANE_HEIGHT = 8
# Sweeps that put nodes near what they are connected with; more change nothing visible.
_SWEEPS = 4


@dataclass(slots=True)
class _Slot:
    """A place in a level: a node's box, or the lane of an edge that passes.

    Attributes:
        level: Its level.
        node: The node; None for a lane.
        x: Its left side.
        y: Its middle.
        width: Its width, which is the level's.
    """

    level: int
    node: Node | None
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0

    @property
    def height(self) -> int:
        return _LANE_HEIGHT if self.node is None else _BOX_HEIGHT


def draw(diagram: Diagram, number: int = 0) -> Html:
    """Return the picture as an inline SVG element.

    Args:
        diagram: What to draw. A model's box links to the element ``model-NAME`` of the page.
        number: Which picture of the page it is, for ids that are used once.
    """
    boxes = {node.id: _Slot(node.level, node) for node in diagram.nodes}
    chains = [_chain(edge, boxes) for edge in diagram.edges]
    levels = _ordered(_levels(diagram, boxes, chains), chains)
    width, height = _place(levels)
    arrow = f"arrow-{number}"
    marker = tag(
        "marker", tag("path", d="M0 0L8 4L0 8z"), id=arrow, viewBox="0 0 8 8", refX=8, refY=4,
        markerWidth=7, markerHeight=7, orient="auto",
    )  # fmt: skip
    return tag(
        "svg",
        tag("title", f"Pipeline {diagram.pipeline}"),
        tag("defs", marker),
        *(tag("path", class_="edge", d=_path(chain), marker_end=f"url(#{arrow})")
          for chain in chains),
        *(_box(slot) for slot in boxes.values()),
        class_="graph",
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width:g}",
        height=f"{height:g}",
    )  # fmt: skip


def _chain(edge: Edge, boxes: dict[str, _Slot]) -> list[_Slot]:
    """Return the slots that an edge goes through, from what is read to who reads it."""
    source, target = boxes[edge.source], boxes[edge.target]
    lanes = [_Slot(level, None) for level in range(source.level + 1, target.level)]
    return [source, *lanes, target]


def _levels(
    diagram: Diagram, boxes: dict[str, _Slot], chains: list[list[_Slot]]
) -> list[list[_Slot]]:
    count = max((node.level for node in diagram.nodes), default=0) + 1
    levels: list[list[_Slot]] = [[] for _ in range(count)]
    for slot in boxes.values():
        levels[slot.level].append(slot)
    for chain in chains:
        for lane in chain[1:-1]:
            levels[lane.level].append(lane)
    return [level for level in levels if level]


def _ordered(levels: list[list[_Slot]], chains: list[list[_Slot]]) -> list[list[_Slot]]:
    """Order each level so that edges cross little: by the mean place of the neighbors."""
    before: dict[int, list[_Slot]] = {}
    after: dict[int, list[_Slot]] = {}
    for chain in chains:
        for left, right in pairwise(chain):
            before.setdefault(id(right), []).append(left)
            after.setdefault(id(left), []).append(right)
    for sweep in range(_SWEEPS):
        neighbors = after if sweep % 2 else before
        places = {id(slot): place for level in levels for place, slot in enumerate(level)}
        for level in reversed(levels) if sweep % 2 else levels:
            level.sort(key=lambda slot: _mean(slot, neighbors, places))
            places.update({id(slot): place for place, slot in enumerate(level)})
    return levels


def _mean(slot: _Slot, neighbors: dict[int, list[_Slot]], places: dict[int, int]) -> float:
    near = neighbors.get(id(slot), [])
    if not near:
        return places[id(slot)]
    return sum(places[id(one)] for one in near) / len(near)


def _place(levels: list[list[_Slot]]) -> tuple[float, float]:
    """Set the places of all slots; return width and height of the picture."""
    heights = [sum(slot.height for slot in level) + _ROW_GAP * (len(level) - 1) for level in levels]
    total = max(heights, default=0)
    x = float(_MARGIN)
    for level, height in zip(levels, heights, strict=True):
        width = max(_box_width(slot) for slot in level)
        y = _MARGIN + (total - height) / 2
        for slot in level:
            slot.x, slot.y, slot.width = x, y + slot.height / 2, width
            y += slot.height + _ROW_GAP
        x += width + _LEVEL_GAP
    return x - _LEVEL_GAP + _MARGIN, total + 2 * _MARGIN


def _box_width(slot: _Slot) -> float:
    if slot.node is None:
        return 0.0
    longest = max(len(slot.node.id), len(slot.node.table))
    return round(longest * _CHARACTER + 2 * _PADDING, 1)


def _path(chain: Sequence[_Slot]) -> str:
    """Return a curve from the right of the first slot to the left of the last."""
    first = chain[0]
    parts = [f"M{first.x + first.width:g} {first.y:g}"]
    for left, right in pairwise(chain):
        start, end = left.x + left.width, right.x
        middle = (start + end) / 2
        parts.append(f"C{middle:g} {left.y:g} {middle:g} {right.y:g} {end:g} {right.y:g}")
        if right.node is None:
            parts.append(f"H{right.x + right.width:g}")
    return "".join(parts)


def _box(slot: _Slot) -> Html:
    node = slot.node
    assert node is not None
    is_model = node.kind == "model"
    top = slot.y - slot.height / 2
    lines = [(node.id, "name"), (node.table, "table")] if is_model else [(node.id, "table")]
    step = 17
    first = slot.y - step * (len(lines) - 1) / 2 + 4
    texts = [
        tag("text", text, x=f"{slot.x + _PADDING:g}", y=f"{first + step * place:g}", class_=kind)
        for place, (text, kind) in enumerate(lines)
    ]
    rectangle = tag(
        "rect", x=f"{slot.x:g}", y=f"{top:g}", width=f"{slot.width:g}", height=slot.height, rx=6
    )
    title = tag("title", node.description) if node.description else None
    content = join([title, rectangle, *texts])
    if is_model:
        return tag("a", content, class_="model", href=f"#model-{node.id}")
    return tag("g", content, class_="outside")
