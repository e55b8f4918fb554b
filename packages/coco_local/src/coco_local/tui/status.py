"""Status lines: the service's address, and its most important problem."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widget import Widget

from coco_local.tui.drawing import bar, spread
from coco_local.tui.figures import one_line, percent, uptime
from coco_protocol.system import GrammarBody, HealthData, ModelBody

__all__ = ["Banner", "TopBar"]

# A progress bar takes a fifth of the line, and longer than this it says no more.
_BAR, _BAR_SHARE = 30, 5


class TopBar(Widget):
    """Name, version, address, uptime; the state of the connection and the model at the right."""

    def __init__(self, address: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._address = address.removeprefix("http://")
        self._parts: tuple[Content, Content] = (Content.empty(), Content.empty())
        self.offline()

    def online(self, health: HealthData) -> None:
        """Show what the daemon says of itself."""
        name = health.model.name
        good = health.model.state in ("ready", "idle")
        mark = ("●", "$success") if good else ("◐", "$warning")
        state = "" if good else f" {health.model.state}"
        self._show(
            self._left(health.version, f"up {uptime(health.uptime_seconds)}"),
            Content.assemble(mark, " ", (f"{name}{state}", "$muted")),
        )

    def offline(self) -> None:
        """Show that nothing answers."""
        state = Content.assemble(("▲", "$error"), (" not connected", "$muted"))
        self._show(self._left("", ""), state)

    def render(self) -> Content:
        """One line."""
        return spread(self.content_size.width, *self._parts)

    def _left(self, version: str, up: str) -> Content:
        words = [word for word in (version, self._address, up) if word]
        return Content.assemble(("CoCo", "$accent bold"), ("  " + "  ·  ".join(words), "$muted"))

    def _show(self, left: Content, right: Content) -> None:
        parts = (left, right)
        if [p.markup for p in parts] != [p.markup for p in self._parts]:
            self._parts = parts
            self.refresh()


class Banner(Widget):
    """One sentence when something needs attention; takes no room otherwise."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._parts: tuple[Content, Content] = (Content.empty(), Content.empty())
        self._share: float | None = None
        self.display = False

    def lost(self, reason: str, hint: str) -> None:
        """The daemon does not answer."""
        self._say(
            Content.assemble(("▲ ", "$error"), one_line(reason), "  ", (one_line(hint), "$strong")),
            Content.styled("trying again", "$muted"),
        )

    def model(self, model: ModelBody) -> None:
        """What the state of the model asks for, if anything."""
        if model.state in ("downloading", "converting"):
            verb = "Fetching" if model.state == "downloading" else "Preparing"
            self._say(
                Content.assemble((f"{verb} ", "$muted"), (one_line(model.name), "$strong")),
                Content.styled(one_line(model.detail), "$muted"),
                model.progress,
            )
        elif model.state in ("missing", "failed"):
            words = one_line(model.detail) or f"The model {model.name!r} is {model.state}."
            self._say(
                Content.assemble(("▲ ", "$warning"), words),
                Content.styled(one_line(model.hint or "coco setup"), "$strong"),
            )
        else:
            self.display = False

    def grammars(self, grammars: Sequence[GrammarBody]) -> None:
        """Which grammar is being fetched, where nothing else needs attention."""
        fetched = [body for body in grammars if body.state == "fetching"]
        if self.display or not fetched:
            return
        waiting = sum(body.state == "waiting" for body in grammars)
        self._say(
            Content.assemble(
                ("Fetching the grammar of ", "$muted"), (one_line(fetched[0].language), "$strong")
            ),
            Content.styled(f"{waiting} more" if waiting else "", "$muted"),
            fetched[0].progress,
        )

    def render(self) -> Content:
        """One line."""
        left, right = self._parts
        width = self.content_size.width
        if self._share is not None:
            length = min(_BAR, width // _BAR_SHARE)
            value = Content.styled(f"  {percent(self._share)}", "$strong")
            left = Content("").join([left, Content("  "), bar(self._share, length), value])
        return spread(width, left, right)

    def _say(self, left: Content, right: Content, share: float | None = None) -> None:
        parts = (left, right)
        if share != self._share or [p.markup for p in parts] != [p.markup for p in self._parts]:
            self._parts, self._share = parts, share
            self.refresh()
        self.display = True
