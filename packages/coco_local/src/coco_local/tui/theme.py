"""The two themes, dark and light: gray on gray, one accent, colors only where they mean a state."""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import Theme

__all__ = ["DARK", "LIGHT", "preferred_theme"]

# Background numbers that terminals announce in COLORFGBG and that are light.
_LIGHT_BACKGROUNDS = {"7", "9", "10", "11", "12", "13", "14", "15"}

DARK = Theme(
    name="coco-dark",
    dark=True,
    primary="#5cc8b0",
    secondary="#5cc8b0",
    accent="#5cc8b0",
    foreground="#d3dae3",
    background="#0f1317",
    surface="#161b21",
    panel="#1c232a",
    success="#86c98a",
    warning="#e2b661",
    error="#ea7f86",
    variables={
        "line": "#2b343d",
        "muted": "#8592a0",
        "faint": "#55616d",
        "strong": "#f1f5f9",
        "mark": "#1a2f2e",
        "code-keyword": "#b99be8",
        "code-string": "#a3c98a",
        "code-number": "#e2b27d",
        "code-name": "#7fb7e6",
        "code-type": "#e0cf8c",
        "footer-key-foreground": "#5cc8b0",
        "footer-background": "#0f1317",
        "footer-description-foreground": "#8592a0",
        "block-cursor-background": "#1f3b39",
        "block-cursor-foreground": "#f1f5f9",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#1c232a",
        "block-cursor-blurred-foreground": "#d3dae3",
        "scrollbar": "#2b343d",
        "scrollbar-hover": "#3b4650",
        "scrollbar-active": "#5cc8b0",
        "scrollbar-background": "#0f1317",
        "scrollbar-background-hover": "#0f1317",
        "scrollbar-background-active": "#0f1317",
        "scrollbar-corner-color": "#0f1317",
    },
)

LIGHT = Theme(
    name="coco-light",
    dark=False,
    primary="#0d7a68",
    secondary="#0d7a68",
    accent="#0d7a68",
    foreground="#2a3138",
    background="#fbfaf8",
    surface="#f3f1ed",
    panel="#ebe8e2",
    success="#2c7a3f",
    warning="#946200",
    error="#b3343f",
    variables={
        "line": "#d6d1c7",
        "muted": "#656e77",
        "faint": "#a4a7a6",
        "strong": "#0e1318",
        "mark": "#e2f1ec",
        "code-keyword": "#7340b0",
        "code-string": "#3d7325",
        "code-number": "#9a5400",
        "code-name": "#1b62a5",
        "code-type": "#7d6100",
        "footer-key-foreground": "#0d7a68",
        "footer-background": "#fbfaf8",
        "footer-description-foreground": "#656e77",
        "block-cursor-background": "#cfe8e1",
        "block-cursor-foreground": "#0e1318",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#ebe8e2",
        "block-cursor-blurred-foreground": "#2a3138",
        "scrollbar": "#d6d1c7",
        "scrollbar-hover": "#bdb7aa",
        "scrollbar-active": "#0d7a68",
        "scrollbar-background": "#fbfaf8",
        "scrollbar-background-hover": "#fbfaf8",
        "scrollbar-background-active": "#fbfaf8",
        "scrollbar-corner-color": "#fbfaf8",
    },
)


def preferred_theme(environ: Mapping[str, str]) -> str:
    """The theme that fits the terminal's announced background; dark when it announces none."""
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    return LIGHT.name if background in _LIGHT_BACKGROUNDS else DARK.name
