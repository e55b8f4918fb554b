"""Page rendering: an escaping template with style, script, and data inline.

Texts of repositories stand in it, and those are anybody's. The template escapes what it is given,
the script makes text nodes only, the data cannot end its element, and the page's own policy allows
this one style and this one script and no address at all.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from coco_experiments.report.merging import Comparison
from coco_experiments.report.page.answers import answers
from coco_experiments.report.page.content import content
from coco_experiments.report.significance import Finding

__all__ = ["render"]

# In a script element these could end it or begin another; in JSON their escapes mean the same.
_IN_SCRIPT = {ord(char): f"\\u{ord(char):04x}" for char in "<>&"}


def render(comparison: Comparison, baseline: int, found: Sequence[Finding]) -> bytes:
    """Return the page in UTF-8; ``found`` is what came of comparing the others with a baseline."""
    assets = files(__package__ or "")
    style = (assets / "page.css").read_text(encoding="utf-8")
    script = (assets / "page.js").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string((assets / "page.html.j2").read_text(encoding="utf-8"))
    data = json.dumps(answers(comparison, baseline), separators=(",", ":"), allow_nan=False)
    page = template.render(
        page=content(comparison, baseline, found),
        policy=_policy(style, script),
        # Ours, and the data is made harmless: nothing of these may be escaped again.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        data=Markup(data.translate(_IN_SCRIPT)),  # noqa: S704
    )
    # A name that is no Unicode becomes a character that shows it.
    return page.encode("utf-8", "xmlcharrefreplace")


def _policy(style: str, script: str) -> str:
    """Allow what stands in the page, by its digest, and nothing else."""
    return (
        "default-src 'none'; "
        f"style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
