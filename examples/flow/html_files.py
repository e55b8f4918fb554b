"""A target of one's own: a folder of HTML pages that follows a folder of Markdown files.

    coco-flow update -L examples/flow/html_files.py

DOCS is the folder of the texts, HTML that of the pages. `coco-flow drop` removes the pages that the
flow has written, and nothing else.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

import coco_flow
from coco_flow import op
from coco_flow.sources import LocalFile

DOCS = os.environ.get("DOCS", str(Path(__file__).parent / "notes"))
HTML = os.environ.get("HTML", "html")

# The first line of every page tells it from files that somebody else put there.
MARK = "<!-- written by the flow HtmlFiles -->\n"


class HtmlFiles(op.TargetSpec):
    """A folder of pages."""

    folder: str


@dataclass
class Page:
    """What a row holds besides its key, the page's name."""

    html: str


@op.target_connector(spec_cls=HtmlFiles, persistent_key_type=str)
class HtmlFilesConnector:
    """Writes a page for each row."""

    @staticmethod
    def get_persistent_key(spec: HtmlFiles) -> str:
        """Return what tells one folder from another, from run to run."""
        return spec.folder

    @staticmethod
    def describe(key: str) -> str:
        """Return the folder's name in plans."""
        return f"HTML pages in {key}"

    @staticmethod
    def apply_setup_change(key: str, previous: HtmlFiles | None, current: HtmlFiles | None) -> None:
        """Make the folder, or remove the pages and then the folder, if it is empty."""
        folder = Path(key)
        if current is not None:
            folder.mkdir(parents=True, exist_ok=True)
        elif previous is not None and folder.is_dir():
            for page in folder.glob("*.html"):
                if page.read_text("utf-8").startswith(MARK):
                    page.unlink()
            if not any(folder.iterdir()):
                folder.rmdir()

    @staticmethod
    def mutate(*batches: tuple[HtmlFiles, dict[str, Page | None]]) -> None:
        """Write and delete pages; it may be called again with the same rows."""
        for spec, pages in batches:
            for name, page in pages.items():
                path = Path(spec.folder) / name
                if page is None:
                    path.unlink(missing_ok=True)
                else:
                    path.write_text(MARK + page.html, "utf-8")


@op.function(behavior_version=1)
def page_name(filename: str) -> str:
    """Return `how/to.md` as `how-to.html`."""
    return filename.removesuffix(".md").replace("/", "-") + ".html"


@op.function(cache=True, behavior_version=1)
def to_html(text: str) -> str:
    """Render Markdown."""
    return MarkdownIt().render(text)


@coco_flow.flow_def(name="HtmlFiles")
def html_files(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
    """Render each text, and write its page."""
    scope["docs"] = builder.add_source(
        LocalFile(path=DOCS, included_patterns=["*.md"], watch_changes=True)
    )
    pages = scope.add_collector()
    with scope["docs"].row() as doc:
        doc["name"] = doc["filename"].transform(page_name)
        doc["html"] = doc["content"].transform(to_html)
        pages.collect(name=doc["name"], html=doc["html"])
    pages.export("pages", HtmlFiles(folder=HTML), primary_key_fields=["name"])
