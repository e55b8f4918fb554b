"""`coco-flow models docs`: the page of documentation."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import coco_flow
from coco_flow.models.html_text import Html, python_code, tag
from tests.coco_flow.cli.program import coco_flow as command
from tests.coco_flow.cli.program import document
from tests.coco_flow.models.cli.program import make_folder


class _Page(HTMLParser):
    """Checks that elements are closed in order, and gathers text, ids and references."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._open: list[str] = []
        self.text = ""
        self.ids: list[str] = []
        self.references: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link"):
            self._open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name in ("href", "src", "action"):
                self.references.append(str(value))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose pipeline has run twice, with its page."""
    folder = make_folder(tmp_path_factory.mktemp("documented"))
    for options in (["--ids", "a"], []):
        assert command(folder, "models", "run", "app.py", "-q", *options).returncode == 0
    assert command(folder, "models", "docs", "app.py").stdout.startswith("Wrote models.html (")
    return folder


@pytest.fixture
def page(documented: Path) -> str:
    return (documented / "models.html").read_text(encoding="utf-8")


def test_the_page_has_what_is_declared_and_recorded(page: str) -> None:
    read = _Page(page)
    text = " ".join(read.text.split())
    for expected in (
        "Models of app.py",
        "Pipeline demo",
        "2 models in 2 levels; stops when a model fails.",
        "Count the words of each document.",
        "table words",
        "key document_id",
        "documents (a table from outside)",
        "least int 1 ≥ 1, ≤ 10 Letters that a word must have.",
        "document_id VARCHAR key 0.0% The <id> of the document & no more.",
        "note VARCHAR yes 100.0%",
        "workflow_id VARCHAR yes 0.0% The run that wrote the row.",
        "not_null(words) error passed",
        "accepted_values(words) warn 1 row breaks it",
        "accepted_values(words) #2 error passed",
        "read by demo.totals",
        'raise ValueError ( "boom in the text" )'.replace(" ( ", "( ").replace(" )", " )"),
    ):
        assert expected in text, expected
    assert re.search(r"rows 3 on \d{4}-\d\d-\d\d \d\d:\d\d UTC", text)
    assert re.search(r"taken rows nulls demo-\w+ .* UTC 3 note 100.0% demo-\w+ .* UTC 1 ", text)
    assert text.index("demo.words") < text.index("demo.totals"), "in the order of execution"


def test_the_page_loads_nothing_and_its_links_lead_somewhere(page: str) -> None:
    read = _Page(page)
    assert len(read.ids) == len(set(read.ids))
    for reference in read.references:
        assert reference == "data:," or reference.removeprefix("#") in read.ids
    assert "default-src 'none'" in html.unescape(page)
    assert not re.search(r"https?://|url\((?!#)|@import|<script", page)


def test_texts_of_the_application_stay_texts(page: str) -> None:
    assert "The &lt;id&gt; of the document &amp; no more." in page
    assert "<id>" not in page
    assert tag("p", "<b>", Html("<i>x</i>"), title='"&') == (
        '<p title="&quot;&amp;">&lt;b&gt;<i>x</i></p>'
    )


def test_the_same_application_gives_the_same_page(documented: Path, page: str) -> None:
    done = command(documented, "models", "docs", "app.py", "-o", "again.html", "--json")
    again = (documented / "again.html").read_bytes()
    assert document(done) == {"file": "again.html", "bytes": len(again)}
    assert again.decode() == page
    assert str(documented) not in page


def test_the_graph_is_drawn_with_every_model_and_edge(page: str) -> None:
    found = re.search(r"<svg.*?</svg>", page, re.DOTALL)
    assert found is not None
    svg = ET.fromstring(found[0])
    texts = [element.text for element in svg.iter("text")]
    assert texts == ["documents", "demo.words", "words", "demo.totals", "totals"]
    assert len([one for one in svg.iter("path") if one.get("class") == "edge"]) == 2
    width, height = (float(one) for one in svg.attrib["viewBox"].split()[2:])
    boxes = [{key: float(one.attrib[key]) for key in ("x", "y", "width", "height")}
             for one in svg.iter("rect")]  # fmt: skip
    for number, box in enumerate(boxes):
        assert 0 <= box["x"] <= box["x"] + box["width"] <= width
        assert 0 <= box["y"] <= box["y"] + box["height"] <= height
        for other in boxes[number + 1 :]:
            beside = box["x"] + box["width"] < other["x"] or other["x"] + other["width"] < box["x"]
            above = box["y"] + box["height"] < other["y"] or other["y"] + other["height"] < box["y"]
            assert beside or above, "boxes do not overlap"


def test_docs_need_no_database_and_create_none(folder: Path) -> None:
    (folder / "coco_models.db").unlink()
    done = command(folder, "models", "docs", "app.py", "-o", "plain.html")
    assert done.returncode == 0, done.stderr
    assert "not run yet" in (folder / "plain.html").read_text(encoding="utf-8")
    assert not (folder / "coco_models.db").exists()


def test_pipelines_that_cannot_be_drawn_say_why(folder: Path) -> None:
    done = command(folder, "models", "docs", "others.py")
    assert done.returncode == 1
    assert "circle.left → circle.right → circle.left" in done.stderr
    refused = command(folder, "models", "docs", "app.py", "-o", "no/such/folder.html")
    assert refused.returncode == 1
    assert "'no/such/folder.html' cannot be written: No such file or directory." in refused.stderr


def test_marked_code_is_the_code() -> None:
    files = sorted(Path(coco_flow.__file__).parent.glob("models/*.py"))
    assert len(files) > 20
    for file in files:
        source = file.read_text(encoding="utf-8")
        plain = HTMLTextOnly(python_code(source)).text
        assert plain == source, file.name
    assert python_code("lambda x: (") == "lambda x: ("
    assert python_code("if x < 1: pass  # a<b").startswith('<span class="k">if</span> x &lt; ')


class HTMLTextOnly(HTMLParser):
    """The text of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = ""
        self.feed(text)
        self.close()

    def handle_data(self, data: str) -> None:
        self.text += data
