"""Symbols, map and files of a project on disk, through the daemon's own operations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coco_core.errors import DocumentNotFound, InvalidInput
from coco_protocol.code import FilesRequest, MapRequest, NamesRequest, SymbolData, SymbolRequest
from coco_protocol.docs import FiltersBody, QueryRequest
from coco_protocol.grep import GrepRequest
from tests.local_daemon import Bench, open_bench
from tests.sources import commit, git

FILES = {
    "shop/__init__.py": "from .cart import Cart as Basket\n",
    "shop/cart.py": (
        "class Cart:\n    def total(self):\n        return _sum(self)\n\n\n"
        "def _sum(cart):\n    return 1\n\n\ndef checkout(cart: Cart):\n    return cart.total()\n"
    ),
    "shop/web.py": (
        "from shop import Basket\n\n\ndef page(anything):\n"
        "    anything.total()\n    return Basket().total()\n"
    ),
    "tests/test_cart.py": "from shop.cart import checkout\n\n\ndef test_it():\n    checkout(1)\n",
    "web/app.ts": "export function total() {}\ntotal()\n",
    "README.md": "# total\n\nCall `total`.\n",
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    root = tmp_path_factory.mktemp("sources") / "shop"
    for name, text in FILES.items():
        write(root, name, text)
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root, "first")
    with open_bench(tmp_path_factory.mktemp("home") / ".coco", root) as bench:
        yield bench


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def ask(bench: Bench, name: str, **values: object) -> SymbolData:
    request = SymbolRequest.model_validate({"name": name, "project_id": bench.project_id, **values})
    return bench.daemon.symbol(request)


def places(found: SymbolData) -> list[str]:
    return [f"{each.path}:{each.line}{'' if each.sure else '?'}" for each in found.occurrences]


def test_definitions_by_every_form_of_a_name(bench: Bench) -> None:
    (found,) = ask(bench, "Cart.total").definitions
    assert (found.path, found.line, found.end_line, found.column) == ("shop/cart.py", 2, 3, 9)
    assert (found.symbol, found.kind) == ("Cart.total", "method")
    assert found.signature == "def total(self):"
    for name in ("shop.cart.Cart.total", "shop/cart.py:total", "shop/cart.py:3", "cart.Cart.total"):
        assert [d.symbol for d in ask(bench, name).definitions] == ["Cart.total"], name
    assert [d.path for d in ask(bench, "total").definitions] == ["shop/cart.py", "web/app.ts"]


def test_an_unknown_name_says_so_and_names_others(bench: Bench) -> None:
    found = ask(bench, "check_out")
    assert found.definitions == []
    assert found.notice == "Nothing in the project defines 'check_out'."
    assert "checkout" in found.near
    assert "Cart.total" in ask(bench, "Crt.total").near


def test_references_follow_imports_and_say_what_is_a_guess(bench: Bench) -> None:
    assert places(ask(bench, "Cart.total", want="references")) == [
        "shop/cart.py:2",
        "shop/cart.py:11",
        "shop/web.py:5?",
        "shop/web.py:6",
    ]
    assert places(ask(bench, "Cart.total", want="references", sure=True)) == [
        "shop/cart.py:2",
        "shop/cart.py:11",
        "shop/web.py:6",
    ]
    assert places(ask(bench, "web/app.ts:1", want="references")) == ["web/app.ts:1", "web/app.ts:2"]
    aliased = places(ask(bench, "Cart", want="references"))
    assert {"shop/__init__.py:1", "shop/web.py:1", "shop/web.py:6"} <= set(aliased)


def test_callers_step_by_step(bench: Bench) -> None:
    found = ask(bench, "_sum", want="callers", depth=3)
    assert [(each.step, each.symbol, each.calls) for each in found.callers] == [
        (1, "Cart.total", "_sum"),
        (2, "checkout", "Cart.total"),
        (2, "page", "Cart.total"),
        (3, "test_it", "checkout"),
    ]
    assert found.occurrences == []


def test_globs_narrow_the_files(bench: Bench) -> None:
    found = ask(bench, "total", want="references", include=["web/**"])
    assert {each.path for each in found.occurrences} == {"web/app.ts"}


def test_filters_say_where_to_look_and_not_what_is_meant(bench: Bench) -> None:
    found = ask(bench, "Cart.total", want="references", include=["shop/web.py"])
    assert places(found) == ["shop/web.py:5?", "shop/web.py:6"]
    for want, said in (("definition", "is not defined"), ("references", "is not used")):
        empty = ask(bench, "Cart.total", want=want, include=["web/**"])
        assert (empty.definitions if want == "definition" else empty.occurrences) == []
        assert empty.notice == f"'Cart.total' {said} in the files that the filters leave."
    uncalled = ask(bench, "page", want="callers")
    assert uncalled.notice == "'page' is defined, and nothing calls it."


def test_modules_are_definitions_too(bench: Bench) -> None:
    (found,) = ask(bench, "shop.cart").definitions
    assert (found.path, found.kind, found.line) == ("shop/cart.py", "module", 1)
    assert places(ask(bench, "shop.cart", want="references")) == [
        "shop/__init__.py:1",
        "tests/test_cart.py:1",
    ]


def test_a_name_that_is_only_local_says_so(bench: Bench) -> None:
    found = ask(bench, "anything")
    assert found.definitions == []
    assert found.notice is not None
    assert found.notice.startswith("Only functions have 'anything'")
    assert places(ask(bench, "shop/web.py:4:10", want="references")) == [
        "shop/web.py:4",
        "shop/web.py:5",
    ]


def test_a_line_without_a_definition(bench: Bench) -> None:
    found = ask(bench, "README.md:1")
    assert found.notice == "No definition stands on that line or around it: 'README.md:1'."
    for name in ("gone.py:12", "gone.py:f", "gone/there:f"):
        with pytest.raises(InvalidInput, match="is no file of the project"):
            ask(bench, name)


def test_what_was_saved_a_moment_ago_counts(bench: Bench) -> None:
    write(bench.root, "shop/late.py", "from shop.cart import checkout\ncheckout(2)\n")
    assert "shop/late.py:2" in places(ask(bench, "checkout", want="references"))
    write(bench.root, "shop/late.py", "# nothing\n")
    assert "shop/late.py:2" not in places(ask(bench, "checkout", want="references"))
    (bench.root / "shop/late.py").unlink()


def test_pages_hold_every_place_once(bench: Bench) -> None:
    whole = places(ask(bench, "total", want="references"))
    paged: list[str] = []
    after: str | None = ""
    pages = 0
    while after is not None:
        page = ask(bench, "total", want="references", limit=1, after=after)
        paged += places(page)
        after = page.next_after
        pages += 1
        if after is not None:
            assert page.notice is not None
            assert "files with the name" in page.notice
    assert paged == whole
    assert pages > 1


def test_names_that_come_from_outside(bench: Bench) -> None:
    write(
        bench.root, "shop/net.py", "from http.client import HTTPSConnection\nHTTPSConnection('x')\n"
    )
    found = ask(bench, "HTTPSConnection", want="references")
    assert places(found) == ["shop/net.py:1?", "shop/net.py:2?"]
    assert found.notice is not None
    assert "does not define" in found.notice
    (bench.root / "shop/net.py").unlink()


def test_names_for_completion(bench: Bench) -> None:
    asked = NamesRequest(prefix="ch", project_id=bench.project_id)
    assert bench.daemon.names(asked).names == ["checkout"]


def test_the_map_shows_the_main_definitions(bench: Bench) -> None:
    found = bench.daemon.map(MapRequest(project_id=bench.project_id))
    assert "1 class Cart" in found.text
    assert "checkout" in found.text
    assert found.files == len(FILES)
    small = bench.daemon.map(MapRequest(project_id=bench.project_id, max_tokens=50))
    assert len(small.text) < len(found.text)
    assert len(small.text) / 3.2 <= 50
    inside = bench.daemon.map(MapRequest(project_id=bench.project_id, directory="shop"))
    assert {entry.path for entry in inside.entries} == {n for n in FILES if n.startswith("shop/")}
    one = bench.daemon.map(MapRequest(project_id=bench.project_id, directory="shop/web.py"))
    assert [entry.path for entry in one.entries] == ["shop/web.py"]
    with pytest.raises(DocumentNotFound):
        bench.daemon.map(MapRequest(project_id=bench.project_id, directory="gone"))


def test_files_by_glob_language_and_page(bench: Bench) -> None:
    def names(**values: object) -> list[str]:
        request = FilesRequest.model_validate({"project_id": bench.project_id, **values})
        return [file.path for file in bench.daemon.files(request).files]

    assert names(include=["shop/**/*.py"]) == ["shop/__init__.py", "shop/cart.py", "shop/web.py"]
    assert names(languages=["ts"]) == ["web/app.ts"]
    with pytest.raises(InvalidInput, match="There is no language 'pyhton'"):
        names(languages=["pyhton"])
    assert names(exclude=["*.py", "*.md"]) == ["web/app.ts"]
    page = bench.daemon.files(FilesRequest(project_id=bench.project_id, limit=2))
    assert (len(page.files), page.total, page.next_after) == (2, len(FILES), "shop/__init__.py")
    sizes = {file.path: file.size for file in page.files}
    assert sizes["README.md"] == len(FILES["README.md"])


def test_only_what_differs_from_a_revision(bench: Bench) -> None:
    root, project = bench.root, bench.project_id
    write(root, "shop/web.py", FILES["shop/web.py"] + "\n\ndef extra():\n    pass\n")
    write(root, "new file.py", "def extra_two():\n    pass\n")
    try:
        listed = bench.daemon.files(FilesRequest(project_id=project, since_revision="HEAD"))
        assert [file.path for file in listed.files] == ["new file.py", "shop/web.py"]
        grep = GrepRequest(pattern="def ", project_id=project, since_revision="main")
        assert {m.path for m in bench.daemon.grep(grep).matches} == {"new file.py", "shop/web.py"}
        changed = FiltersBody(since_revision="HEAD")
        query = QueryRequest(query="extra", project_id=project, filters=changed)
        hits = bench.daemon.query(query).data.results
        assert {hit.chunk.path for hit in hits} <= {"new file.py", "shop/web.py"}
        assert hits
        found = ask(bench, "total", want="references", since_revision="HEAD")
        assert {each.path for each in found.occurrences} == {"shop/web.py"}
        assert bench.daemon.map(MapRequest(project_id=project, since_revision="HEAD")).files == 2
    finally:
        write(root, "shop/web.py", FILES["shop/web.py"])
        (root / "new file.py").unlink()
    unchanged = QueryRequest(
        query="total", project_id=project, filters=FiltersBody(since_revision="HEAD")
    )
    assert bench.daemon.query(unchanged).data.empty_reason == "filtered_out"


@pytest.mark.parametrize("revision", ["nosuch", "--all", "HEAD~99", "main..other", "\n"])
def test_an_unknown_revision_is_refused(bench: Bench, revision: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        bench.daemon.files(FilesRequest(project_id=bench.project_id, since_revision=revision))
    assert repr(revision) in str(caught.value)
