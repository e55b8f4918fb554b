"""Projects panel: the registered projects, and the state of their indexes."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import clamp
from textual.message import Message

from coco_local.tui.drawing import bar, fit, spread
from coco_local.tui.figures import clock, count, home_short, one_line, percent, tail
from coco_local.tui.messages import ProjectChosen
from coco_local.tui.panels.panel import Panel
from coco_local.tui.panels.project_state import ProjectsState, share, state_mark
from coco_protocol.projects import ProjectBody

__all__ = ["Projects"]

# The cursor, the mark and their gaps; then the state's name, at the right.
_MARK, _STATE = 4, 11
# "12,345 files" and "123,456 chunks", right-aligned.
_FILES, _CHUNKS = 14, 17
# The widest name that is shown whole.
_NAME = 24
# A progress bar with its percentage; longer ones say no more.
_BAR, _PERCENT = 30, 6
# Widths from which the chunk count, and the path, have room.
_WIDE, _WIDEST = 76, 104
# Lines of the details under the list, with the blank one above.
_DETAILS = 6

_EMPTY = (
    Content.styled("No project yet", "$strong bold"),
    Content.empty(),
    Content.assemble(("Press ", "$muted"), ("i", "$accent bold"), (" to import one,", "$muted")),
    Content.assemble(("or run ", "$muted"), ("coco import PATH", "$strong")),
)


class Projects(Panel[ProjectsState]):
    """A list with a cursor; the line under it shows more about the chosen project."""

    TITLE = "Projects"
    can_focus = True

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Previous project", show=False),
        Binding("down,j", "move(1)", "Next project", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._first = 0

    def draw(self, state: ProjectsState, width: int, height: int, /) -> list[Content]:
        """The rows around the cursor and, where there is room, the details."""
        projects = state.projects
        if not projects:
            return _centered(width, height)
        details = height >= len(projects) + _DETAILS
        room = height - _DETAILS if details else height
        cursor = state.cursor
        self._first = clamp(self._first, max(0, cursor - room + 1), cursor)
        self._first = min(self._first, max(0, len(projects) - room))
        shown = projects[self._first : self._first + room]
        name_width = min(_NAME, max(len(one_line(p.name)) for p in projects))
        rows = [_row(p, p.project_id == state.chosen, name_width, width) for p in shown]
        if details:
            rows += [Content.empty()] * (height - _DETAILS - len(rows))
            rows += _details(projects[cursor], width)
        return rows

    def action_move(self, step: int) -> None:
        """Choose the project ``step`` rows away."""
        if self.state is not None and self.state.projects:
            self._choose(clamp(self.state.cursor + step, 0, len(self.state.projects) - 1))

    def on_click(self, event: events.Click) -> None:
        """Choose the project under the mouse."""
        offset = event.get_content_offset(self)
        if offset is None or self.state is None:
            return
        index = self._first + offset.y
        if index < len(self.state.projects):
            self._choose(index)

    def _choose(self, index: int) -> None:
        if self.state is None:
            return
        chosen = self.state.projects[index].project_id
        self.show(replace(self.state, chosen=chosen))
        message: Message = ProjectChosen(chosen)
        self.post_message(message)


def _centered(width: int, height: int) -> list[Content]:
    above = max(0, (height - len(_EMPTY)) // 2)
    middle = [line.pad_left(max(0, (width - line.cell_length) // 2)) for line in _EMPTY]
    return [Content.empty()] * above + middle


def _row(project: ProjectBody, chosen: bool, name_width: int, width: int) -> Content:
    mark, style = state_mark(project.state)
    name = fit(one_line(project.name), name_width).stylize("$strong bold" if chosen else "")
    head = Content.assemble(("▌ " if chosen else "  ", "$accent"), (mark, style), " ", name, "  ")
    end = fit(Content.styled(project.state, style), _STATE, right=True)
    figures = fit(_amount(project.files, "file"), _FILES, right=True)
    if width >= _WIDE:
        figures += fit(_amount(project.chunks, "chunk"), _CHUNKS, right=True)
    room = width - head.cell_length - figures.cell_length - end.cell_length
    return head + _middle(project, room) + figures + end


def _middle(project: ProjectBody, room: int) -> Content:
    """A progress bar while there is progress, what is wrong when something is, else the path."""
    done = share(project)
    if done is not None and room >= _PERCENT + 4:
        length = min(_BAR, room - _PERCENT)
        value = Content.styled(percent(done).rjust(_PERCENT), "$strong")
        return fit(bar(done, length) + value, room)
    if project.error:
        return fit(Content.styled(one_line(project.error), "$error"), room)
    return fit(Content.styled(tail(home_short(project.root), room), "$muted"), room)


def _amount(number: int, noun: str) -> Content:
    words = f" {noun}" + (" " if number == 1 else "s")
    return Content.assemble((count(number), "$strong"), (words, "$muted"))


def _details(project: ProjectBody, width: int) -> list[Content]:
    """Five lines about the chosen project."""
    total = max(project.files_total, project.files)
    embedded = project.embedded / project.chunks if project.chunks else 0.0
    index = Content.assemble(
        count(project.files),
        (" of ", "$muted"),
        count(total),
        (" files  ·  ", "$muted"),
        count(project.chunks),
        (" chunks  ·  ", "$muted"),
        percent(embedded),
        (" embedded", "$muted"),
    )
    at = clock(project.indexed_at) if project.indexed_at else "not complete yet"
    waiting: str = "up to date" if project.state == "ready" else project.state
    if project.pending_files:
        waiting = f"{count(project.pending_files)} files to do"
    lines = [
        ("Path", Content(tail(home_short(project.root), width - 10))),
        ("Index", index),
        ("Indexed", Content.assemble(at, ("  ·  ", "$muted"), waiting)),
        _trouble(project),
    ]
    rule = Content.styled("─" * width, "$line")
    labelled = [
        spread(width, Content.assemble((f"{name:<10}", "$muted"), text)) for name, text in lines
    ]
    return [Content.empty(), rule, *labelled]


def _trouble(project: ProjectBody) -> tuple[str, Content]:
    if project.error:
        return "Error", Content.styled(one_line(project.error), "$error")
    if not project.skipped:
        return "Skipped", Content.styled("nothing", "$muted")
    text = Content.styled(count(project.skipped), "$warning")
    if project.skipped_files:
        first = project.skipped_files[0]
        text += Content.styled(f"  {one_line(first.path)}: {one_line(first.reason)}", "$muted")
    return "Skipped", text
