"""Several projects in one ranking, filters in the text, and opening what was found."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from coco_local.cli.search_command import read_words

OTHER = {
    "README.md": "# Other\n\nA cart with horses.\n",
    "lib/wagon.go": "package lib\n\n// Pull moves the cart.\nfunc Pull() int { return 1 }\n",
}


@pytest.fixture
def both(coco, shop, tmp_path_factory) -> Path:
    """The root of a second project; the first is the working directory."""
    root = tmp_path_factory.getbasetemp() / "stable"
    for name, text in OTHER.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    assert coco("import", root).code == 0
    return root


def test_named_projects_answer_in_one_list(coco, both) -> None:
    result = coco("query", "cart", "-p", "shop", "-p", "stable", "--mode", "fts", "--files")
    files = result.out.splitlines()
    assert {"shop/cart.py", str(both / "lib/wagon.go"), str(both / "README.md")} <= set(files)


def test_scores_compare_and_each_result_says_its_project(coco, both) -> None:
    arguments = ("cart", "--mode", "fts", "--json", "-k", "20")
    together = coco("query", "--all", *arguments).data["results"]
    assert {hit["project"] for hit in together} >= {"shop", "stable"}
    scores = [hit["meta"]["score"] for hit in together]
    assert scores == sorted(scores, reverse=True)
    # By itself, each project's best would be worth the same.
    alone = coco("query", "-p", "stable", *arguments).data["results"]
    assert alone[0]["project"] is None
    best = {name: max(h["meta"]["score"] for h in together if h["project"] == name)
            for name in ("shop", "stable")}  # fmt: skip
    assert best["shop"] != pytest.approx(best["stable"])
    assert "[stable]" in coco("query", "--all", "horses", "--mode", "fts").out


def test_one_project_named_twice_is_one(coco, both) -> None:
    result = coco("query", "cart", "-p", "shop", "-p", "shop", "--json")
    assert result.document["meta"]["projects"] == []
    assert result.document["meta"]["project_id"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--all", "-p", "shop"), "--all means every project"),
        (("-p", "shop", "-p", "nowhere"), "There is no project 'nowhere'."),
        (("--all", "--path", "./x"), "is relative to the current directory"),
    ],
)
def test_what_contradicts_itself_is_told(coco, both, arguments, said) -> None:
    coco("query", "cart", *arguments).fails(said)


def test_filters_are_words_of_the_query(coco, both) -> None:
    result = coco("search", "cart", "lang:golang", "--all", "--files", "--mode", "fts")
    assert result.out == f"{both / 'lib/wagon.go'}\n"
    result = coco("query", "cart", "-path:shop", "-ext:md", "--files", "--mode", "fts")
    assert result.out == "tests/test_cart.py\n"
    coco("query", "lang:pyhton", "cart").fails("Did you mean python?")
    coco("query", "cart", "--lang", "pyhton").fails("Did you mean python?")
    assert coco("query", "cart", "--lang", ".py", "--files", "-k", "1", "--mode", "fts").code == 0


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (["x", "-path:a", "-k", "1"], ["x", "-k", "1", "--", "-path:a"]),
        (["-p", "a", "x"], ["-p", "a", "x"]),
        (["-patha", "x"], ["-patha", "x"]),
        (["x", "--", "-ext:md", "--open"], ["x", "--", "-ext:md", "--open"]),
        (["--open", "x"], ["--open=1", "x"]),
        (["x", "--open", "3"], ["x", "--open", "3"]),
        (["x", "--open"], ["x", "--open=1"]),
    ],
)
def test_words_that_look_like_options(given, read) -> None:
    assert read_words(given) == read


@pytest.fixture
def editor(tmp_path, monkeypatch) -> Path:
    """What the editor was called with is written here, in a file of its own."""
    called = tmp_path / "called"
    program = tmp_path / "editor"
    program.write_text(
        f"#!{sys.executable}\nimport sys\n"
        f"open({str(called)!r}, 'w', encoding='utf-8').write('\\n'.join(sys.argv[1:]))\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(program))
    return called


def test_a_result_opens_at_its_line(coco, shop, editor) -> None:
    assert coco("query", "retry_with_backoff", "--open").code == 0
    line, path = editor.read_text(encoding="utf-8").splitlines()
    assert path == str(shop / "shop/retry.py")
    source = (shop / "shop/retry.py").read_text(encoding="utf-8").splitlines()
    assert "def retry_with_backoff" in source[int(line.removeprefix("+")) - 1]
    assert coco("query", "cart", "--mode", "fts", "--open", "2").code == 0
    second = coco("query", "cart", "--mode", "fts", "--files", "-k", "2").out.splitlines()[1]
    assert editor.read_text(encoding="utf-8").splitlines()[1] == str(shop / second)


def test_what_cannot_be_opened_is_told(coco, shop, monkeypatch) -> None:
    coco("query", "retry_with_backoff", "-k", "1", "--open", "4").fails("There is no result 4")
    coco("query", "cart", "-i").fails("needs a terminal")
    coco("query", "cart", "--open").fails("neither VISUAL nor EDITOR is set")
    monkeypatch.setenv("VISUAL", "no-such-editor")
    coco("query", "cart", "--open").fails("'no-such-editor' cannot be started")
    coco("query", "zyxwvu", "--mode", "fts", "--open").fails("nothing in shop matches", code=4)


def test_a_line_that_is_not_there_is_told(coco, shop) -> None:
    lines = len((shop / "shop/cart.py").read_text(encoding="utf-8").splitlines())
    for verb in ("related", "read", "outline"):
        coco(verb, f"shop/cart.py:{lines + 1}").fails(
            f"'shop/cart.py' has {lines} lines; line {lines + 1} is beyond its end."
        )
    assert coco("related", f"shop/cart.py:{lines}").code == 0


def test_outline_of_a_line_is_what_holds_it(coco, shop) -> None:
    symbols = coco("outline", "shop/cart.py:12", "--json").data["symbols"]
    assert [each["symbol"] for each in symbols] == ["Cart", "Cart.add_item"]
    assert "line 1 of shop/cart.py is in no definition" in coco("outline", "shop/cart.py:1").err
