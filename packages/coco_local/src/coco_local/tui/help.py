"""Help screen: all keys."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

__all__ = ["HelpDialog"]

_SECTIONS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Dashboard",
        (
            ("/", "search"),
            ("p", "choose the project (also ↑ ↓ in its panel)"),
            ("r", "rescan it for changes"),
            ("i", "import a directory"),
            ("v", "next view, where one panel shows at a time"),
            ("l", "the whole log, and back"),
            ("t", "light or dark"),
            ("q", "close"),
        ),
    ),
    (
        "Search",
        (
            ("↑ ↓", "choose a result"),
            ("Enter", "open it in $VISUAL or $EDITOR, or copy its place"),
            ("ctrl+t", "look for the text itself (/regex/), and back"),
            ("ctrl+r", "places like the chosen one"),
            ("ctrl+o", "the symbols of its file"),
            ("ctrl+g", "where its symbol is defined and used"),
            ("ctrl+y", "copy path:line"),
            ("ctrl+p", "search in another project"),
            ("Tab", "to the results, to the code, and back"),
            ("PgUp PgDn", "scroll the code;  alt+← alt+→  sideways"),
            ("Esc", "back to the results, to the dashboard"),
        ),
    ),
    (
        "Filters in the search box",
        (
            ("lang:python", "only this language"),
            ("path:src/**", "only these paths;  -path:tests/**  all but these"),
            ("kind:function", "function, method, class, section, …"),
            ("symbol:App.run", "only this symbol"),
        ),
    ),
)
# The widest key, with a gap.
_KEY = 16


class HelpDialog(ModalScreen[None]):
    """Closes with the key that opened it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,f1", "dismiss(None)", "Close")
    ]

    def compose(self) -> ComposeResult:
        """All sections; they scroll where they do not fit."""
        with VerticalScroll(id="dialog", classes="help") as dialog:
            dialog.border_title = "Keys"
            dialog.border_subtitle = "Esc close"
            yield Static(_page())


def _page() -> Content:
    lines: list[Content] = []
    for title, keys in _SECTIONS:
        if lines:
            lines.append(Content.empty())
        lines.append(Content.styled(title, "$strong bold"))
        lines += [Content.assemble((f"{key:<{_KEY}}", "$accent"), does) for key, does in keys]
    return Content("\n").join(lines)
