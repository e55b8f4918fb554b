"""The two lines above everything: what runs where, and what is wrong with it."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from coco_local.tui.drawing import bar, spread
from coco_local.tui.figures import one_line, percent, uptime
from coco_protocol.system import HealthData, ModelBody

__all__ = ["Banner", "TopBar"]

# A progress bar longer than this says no more.
_BAR = 30
# Columns from which the address and the uptime are shown too.
_ROOMY = 60


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
        mark, style = ("●", "$success") if health.model.state in ("ready", "idle") else ("◐", "$warning")
        state = "" if health.model.state in ("ready", "idle") else f" {health.model.state}"
        self._show(
            self._left(f"{health.version}", f"up {uptime(health.uptime_seconds)}"),
            Content.assemble((mark, style), " ", (f"{name}{state}", "$muted")),
        )

    def offline(self) -> None:
        """Show that nothing answers."""
        self._show(self._left("", ""), Content.assemble(("▲", "$error"), (" not connected", "$muted")))

    def render(self) -> Content:
        """One line."""
        return spread(self.content_size.width, *self._parts)

    def _left(self, version: str, up: str) -> Content:
        words = [word for word in (version, self._address, up) if word]
        return Content.assemble(
            ("CoCo", "$accent bold"), ("  " + "  ·  ".join(words), "$muted")
        )

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
        self.display = False

    def say(self, left: Content, right: Content | str = "") -> None:
        """Show a sentence."""
        end = Content(right) if isinstance(right, str) else right
        if (left.markup, end.markup) != tuple(part.markup for part in self._parts):
            self._parts = (left, end)
            self.refresh()
        self.display = True

    def lost(self, reason: str, hint: str) -> None:
        """The daemon does not answer."""
        self.say(
            Content.assemble(("▲ ", "$error"), one_line(reason), "  ", (one_line(hint), "$strong")),
            Content.styled("trying again", "$muted"),
        )

    def model(self, model: ModelBody) -> None:
        """What the state of the model asks for, if anything."""
        detail = one_line(model.detail)
        if model.state in ("downloading", "converting"):
            verb = "Fetching" if model.state == "downloading" else "Preparing"
            self.say(_progress(verb, model), Content.styled(detail, "$muted"))
        elif model.state in ("missing", "failed"):
            words = detail or f"The model {model.name!r} is {model.state}."
            self.say(
                Content.assemble(("▲ ", "$warning"), words),
                Content.styled(one_line(model.hint or "coco setup"), "$strong"),
            )
        else:
            self.display = False

    def render(self) -> Content:
        """One line."""
        return spread(self.content_size.width, *self._parts)


def _progress(verb: str, model: ModelBody) -> Content:
    words = Content.assemble((f"{verb} ", "$muted"), (model.name, "$strong"))
    if model.progress is None:
        return words
    share = Content.styled(f" {percent(model.progress)}", "$strong")
    return Content("").join([words, Content("  "), bar(model.progress, _BAR), share])
