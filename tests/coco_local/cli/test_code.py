"""definition, references, callers, map and files on the command line."""

import re


def test_definition_prints_path_line_kind_and_head(coco, shop) -> None:
    result = coco("definition", "apply_discount").prints()
    (line,) = result.out.splitlines()
    path, number, what, text = re.fullmatch(r"(.*?):(\d+): (.*?): (.*)", line).groups()
    assert (path, what) == ("shop/cart.py", "function apply_discount")
    lines = (shop / path).read_text(encoding="utf-8").splitlines()
    assert lines[int(number) - 1] == text
    data = coco("definition", f"{path}:{number}", "--json").data["definitions"]
    assert [each["symbol"] for each in data] == ["apply_discount"]


def test_a_file_is_read_from_where_one_stands(coco, shop, monkeypatch) -> None:
    monkeypatch.chdir(shop / "shop")
    coco("definition", "cart.py:apply_discount").prints("cart.py:")


def test_references_and_callers(coco, shop) -> None:
    found = coco("references", "apply_discount").prints("shop/cart.py:", "definition", "call in")
    assert all(re.match(r"[\w/.]+:\d+:\d+: ", line) for line in found.out.splitlines())
    callers = coco("callers", "apply_discount", "--json").data["callers"]
    assert callers
    assert all(each["sure"] and each["symbol"] for each in callers)


def test_what_is_not_there_is_said_with_what_is(coco, shop) -> None:
    missing = coco("definition", "aply_discount")
    missing.fails("Nothing in the project defines 'aply_discount'.", "apply_discount", code=4)
    coco("references", "nothing_like_this").fails("Nothing in the project", code=4)


def test_map_and_files(coco, shop) -> None:
    coco("map").prints("cart.py", "apply_discount")
    small = coco("map", "--max-tokens", "50").out
    assert len(small) < len(coco("map").out)
    coco("map", "shop").prints("cart.py")
    listed = coco("files", "shop/**/*.py").prints("shop/cart.py\tpython\t")
    assert all(line.startswith("shop/") for line in listed.out.splitlines())
    assert "shop/cart.py\n" in coco("files", "--paths").out
    coco("files", "*.nothing").fails("no file of", code=4)


def test_an_unknown_revision_is_an_error(coco, shop) -> None:
    coco("files", "--since", "nosuch").fails("git", code=1)


def test_names_complete(process, shop) -> None:
    count = 2
    done = process(
        _COCO_COMPLETE="complete_bash", COMP_WORDS="coco definition apply_d", COMP_CWORD=str(count)
    )
    assert done.out.split() == ["apply_discount"]
