"""Output of a conversion."""

from typing import Any


def text_from_rendered(rendered: list[str]) -> tuple[str, str, dict[str, Any]]:
    """Return the text, the ending of its file's name, and the images."""
    return "\n\n".join(rendered), "md", {}
