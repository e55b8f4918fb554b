"""Editor: opens a file at a line."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

__all__ = ["EditorCommand", "editor_command"]

# How an editor is given the line: "+12 file" is what vi began and most terminal editors understand.
_GOTO_OPTION = {"code", "code-insiders", "codium", "cursor", "windsurf"}
_COLON = {"subl", "sublime_text", "zed", "hx", "helix"}
_JETBRAINS = {"idea", "pycharm", "webstorm", "goland", "clion", "rustrover", "phpstorm", "rubymine"}
_LINE_OPTION = _JETBRAINS | {"kate", "mate"}
# Editors with a window of their own leave the terminal to the dashboard.
_WINDOWED = _GOTO_OPTION | _LINE_OPTION | {"subl", "sublime_text", "zed", "gvim", "gedit"}


@dataclass(frozen=True, slots=True)
class EditorCommand:
    """What to run, and whether it needs the terminal for itself."""

    arguments: tuple[str, ...]
    in_terminal: bool


def editor_command(environ: Mapping[str, str], path: str, line: int) -> EditorCommand | None:
    """The command of ``VISUAL`` or ``EDITOR`` for ``path:line``; None when neither is set."""
    chosen = environ.get("VISUAL", "").strip() or environ.get("EDITOR", "").strip()
    try:
        words = shlex.split(chosen)
    except ValueError:
        return None
    if not words:
        return None
    name = PurePath(words[0]).name.removesuffix(".exe")
    if name in _GOTO_OPTION:
        place: tuple[str, ...] = ("--goto", f"{path}:{line}")
    elif name in _COLON:
        place = (f"{path}:{line}",)
    elif name in _LINE_OPTION:
        place = ("--line", str(line), path)
    else:
        place = (f"+{line}", path)
    return EditorCommand((*words, *place), in_terminal=name not in _WINDOWED)
