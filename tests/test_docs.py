"""Pages lead where they say, and name what exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("*.md", "docs/**/*.md", "p*/*/README.md", "bench/**/*.md", "examples/**/*.md")
PAGES = sorted({path for place in PLACES for path in ROOT.glob(place)})
SOURCES = [path.parent for path in ROOT.glob("p*/*/src/*/__init__.py")]


def prose(page: Path) -> str:
    """The text of a page without its blocks of code."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MkDocs make them."""
    headings = re.findall(r"^#+ +(.+)$", prose(page), re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for target in re.findall(r"\]\(([^()\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found), target


@pytest.mark.parametrize(
    "page",
    [ROOT / "SECURITY.md", *sorted((ROOT / "docs/decisions").glob("*.md"))],
    ids=lambda path: path.name,
)
def test_named_modules_exist(page: Path) -> None:
    for name in re.findall(r"`(coco_\w+/[\w/.]+)`", prose(page)):
        package, _, rest = name.partition("/")
        assert any((source / rest).exists() for source in SOURCES if source.name == package), name


@pytest.mark.parametrize("folder", ["docs", "docs/decisions"])
def test_every_page_is_in_the_index_of_its_folder(folder: str) -> None:
    index = ROOT / folder / "README.md"
    linked = set(re.findall(r"\]\(([^()#\s]+)\)", prose(index)))
    assert {path.name for path in index.parent.glob("*.md")} - {"README.md"} <= linked


def thread_names(source: Path) -> Iterator[str]:
    """The names that a module gives to its threads."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("Thread", "ThreadPoolExecutor", "Latest")
        ):
            given = [*node.args, *(key.value for key in node.keywords)]
            for value in given:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value.value


def test_the_table_of_threads_is_complete() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = page.partition("## Threads")[2].partition("\n## ")[0]
    products = ("coco_core", "coco_embed", "coco_local")
    sources = [path for name in products for path in ROOT.glob(f"packages/{name}/src/**/*.py")]
    named = {name for source in sources for name in thread_names(source)}
    assert len(named) > 10
    assert {name for name in named if f"`{name}`" not in table} == set()


def terms() -> list[str]:
    """The terms of the glossary, as it lists them."""
    found = re.findall(r"^\| ([^|]+) \|", prose(ROOT / "docs/glossary.md"), re.MULTILINE)
    return [term for term in found if term != "term"]


@cache
def all_words() -> str:
    """The text of all pages and modules but the glossary."""
    modules = [path for source in SOURCES for path in source.rglob("*.py")]
    places = [page for page in PAGES if page.name != "glossary.md"] + modules
    return "\n".join(place.read_text(encoding="utf-8").lower() for place in places)


def test_the_glossary_is_short_and_says_each_term_once() -> None:
    assert 0 < len(terms()) <= 60
    assert len(set(terms())) == len(terms())


@pytest.mark.parametrize("term", terms())
def test_a_term_of_the_glossary_is_used(term: str) -> None:
    assert term in all_words()
