"""How each editor is told the place."""

from __future__ import annotations

import pytest

from coco_local.tui.editor import editor_command
from coco_local.tui.figures import duration, milliseconds, percent, size, uptime


@pytest.mark.parametrize(
    ("environ", "arguments", "in_terminal"),
    [
        ({"EDITOR": "vim"}, ("vim", "+7", "/a b.py"), True),
        ({"EDITOR": "nano", "VISUAL": "emacs -nw"}, ("emacs", "-nw", "+7", "/a b.py"), True),
        ({"VISUAL": "code --wait"}, ("code", "--wait", "--goto", "/a b.py:7"), False),
        ({"EDITOR": "/opt/bin/hx"}, ("/opt/bin/hx", "/a b.py:7"), True),
        ({"EDITOR": "'/my apps/subl' -n"}, ("/my apps/subl", "-n", "/a b.py:7"), False),
        ({"EDITOR": "kak"}, ("kak", "+7", "/a b.py"), True),
        ({"EDITOR": "micro"}, ("micro", "+7", "/a b.py"), True),
        ({"EDITOR": "kate"}, ("kate", "--line", "7", "/a b.py"), False),
        ({"EDITOR": "pycharm"}, ("pycharm", "--line", "7", "/a b.py"), False),
    ],
)
def test_place_is_told_as_the_editor_wants_it(
    environ: dict[str, str], arguments: tuple[str, ...], in_terminal: bool
) -> None:
    command = editor_command(environ, "/a b.py", 7)
    assert command is not None
    assert (command.arguments, command.in_terminal) == (arguments, in_terminal)


@pytest.mark.parametrize("environ", [{}, {"EDITOR": "  "}, {"EDITOR": "vi 'unclosed"}])
def test_no_editor_no_command(environ: dict[str, str]) -> None:
    assert editor_command(environ, "/a.py", 1) is None


def test_figures() -> None:
    assert [size(value) for value in (0, 999, 1500, 412_300_000, 1.34e9)] == [
        "0 B",
        "999 B",
        "2 kB",
        "412 MB",
        "1.3 GB",
    ]
    assert [milliseconds(value) for value in (0.04, 6.4, 312.4, 1234)] == [
        "0.0 ms",
        "6.4 ms",
        "312 ms",
        "1.2 s",
    ]
    assert [duration(value) for value in (0.4, 59.6, 125, 11_520, 180_000)] == [
        "0 s",
        "1 min 00 s",
        "2 min 05 s",
        "3 h 12 min",
        "2 d 2 h",
    ]
    assert [uptime(value) for value in (12, 61, 8040)] == ["<1 min", "1 min", "2 h 14 min"]
    assert [percent(value) for value in (-1, 0.624, 0.9999, 1)] == ["0 %", "62 %", "99 %", "100 %"]
