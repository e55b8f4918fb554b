"""grep, read, outline and related."""

import re


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_grep_prints_path_line_and_text(coco, shop) -> None:
    result = coco("grep", "apply_discount")
    assert result.code == 0
    for line in result.out.splitlines():
        path, number, text = line.split(":", 2)
        assert lines_of(shop / path)[int(number) - 1] == text
    assert len(result.out.splitlines()) == 2


def test_grep_knows_files_that_are_not_indexed(coco, shop) -> None:
    assert coco("grep", "generated_symbol").code == 4
    assert coco("grep", "very-secret").code == 4


def test_grep_takes_expressions_case_and_context(coco, shop) -> None:
    assert coco("grep", r"def \w+_discount", "--regex").code == 0
    assert coco("grep", "APPLY_DISCOUNT").code == 4
    assert coco("grep", "APPLY_DISCOUNT", "-i").code == 0
    around = coco("grep", "def apply_discount", "-C", "1").out.splitlines()
    assert len(around) == 3
    assert re.match(r"shop/cart\.py-\d+-", around[0])
    assert re.match(r"shop/cart\.py:\d+:", around[1])
    broken = coco("grep", "(", "--regex")
    assert broken.code == 1
    assert broken.err.startswith("error: ")


def test_grep_says_when_the_limit_cut_it(coco, shop) -> None:
    result = coco("grep", "e", "-k", "2")
    assert len(result.out.splitlines()) == 2
    assert "only the first 2" in result.err


def test_grep_takes_the_options_of_ripgrep(coco, shop, monkeypatch) -> None:
    assert coco("grep", "apply_discount", "-l").out == "shop/cart.py\n"
    assert coco("grep", "apply_discount", "-c").out == "shop/cart.py:2\n"
    assert coco("grep", "apply", "-w").code == 4
    assert coco("grep", "-n", "-i", "-e", "APPLY_DISC\\w+").code == 0
    assert coco("grep", "-F", "apply_discount(").code == 0
    everywhere = {line.split(":")[0] for line in coco("grep", "cart", "-i").out.splitlines()}
    below = coco("grep", "cart", "-i", "shop/", "README.md").out.splitlines()
    paths = {line.split(":")[0] for line in below}
    assert paths == {path for path in everywhere if path.startswith(("shop/", "README"))}
    assert len(paths) > 1
    python = coco("grep", "cart", "--lang", "py", "-g", "!tests", "-l").out.splitlines()
    assert python
    assert all(path.endswith(".py") and not path.startswith("tests/") for path in python)
    around = coco("grep", "def apply_discount", "-A", "2", "-B", "1").out.splitlines()
    assert [re.search(r"[-:]\d+([-:])", line)[1] for line in around] == ["-", ":", "-", "-"]
    monkeypatch.chdir(shop / "shop")
    assert coco("grep", "apply_discount", ".", "-l").out == "cart.py\n"
    assert coco("grep", "apply_discount", "../tests").code == 4


def test_grep_says_why_it_found_nothing(coco, shop) -> None:
    coco("grep", "load|apply_discount").fails(
        'no line of shop contains "load|apply_discount" as text',
        "For a regular expression add --regex.",
        code=4,
    )
    coco("grep", "cart", "nope/").fails("There is no 'nope' in the project.", code=4)
    coco("grep", "cart", "--lang", "rust").fails("is in that language", code=4)
    coco("grep", "cart", "--lang", "pyhton").fails("no language 'pyhton'", "Did you mean python")
    coco("grep", "generated_symbol").fails(
        "1 ignored by a rule (build/output.py)", "--no-ignore", code=4
    )
    assert coco("grep", "generated_symbol", "--no-ignore", "-l").out == "build/output.py\n"


def test_grep_files_and_json(coco, shop) -> None:
    assert coco("grep", "apply_discount", "--files").out == "shop/cart.py\n"
    assert {match["path"] for match in coco("grep", "Cart", "--json").data["matches"]} >= {
        "shop/cart.py",
        "tests/test_cart.py",
    }


def test_read_prints_the_lines(coco, shop, monkeypatch) -> None:
    source = lines_of(shop / "shop/cart.py")
    assert coco("read", "shop/cart.py").out.splitlines() == source
    assert coco("read", "shop/cart.py:3-5").out.splitlines() == source[2:5]
    assert coco("read", "shop/cart.py:5").out.splitlines() == source[4:5]
    assert coco("read", "shop/cart.py:5:3").out.splitlines() == source[4:5]
    assert coco("read", "shop/cart.py:5", "-C", "1").out.splitlines() == source[3:6]
    assert coco("read", "shop/cart.py:3-4", "--json").data["total_lines"] == len(source)
    # From below the root, both ways of writing a path are understood.
    monkeypatch.chdir(shop / "shop")
    assert coco("read", "cart.py:1").out.splitlines() == source[:1]
    assert coco("read", "web/router.ts:1").code == 0


def test_read_refuses_what_is_not_the_projects(coco, shop, tmp_path) -> None:
    other = tmp_path / "other.py"
    other.write_text("secret = 1\n", encoding="utf-8")
    result = coco("read", str(other))
    assert (result.code, result.out) == (1, "")
    assert "outside the project" in result.err
    coco("read", "shop/nothing.py").fails("shop/nothing.py")


def test_outline_lists_symbols_in_order(coco, shop) -> None:
    result = coco("outline", "shop/cart.py")
    assert result.code == 0
    numbers = [int(n) for n in re.findall(r"^shop/cart\.py:(\d+)-", result.out, re.MULTILINE)]
    assert numbers == sorted(numbers)
    source = lines_of(shop / "shop/cart.py")
    places = {
        symbol["symbol"]: symbol["line"]
        for symbol in coco("outline", "shop/cart.py", "--json").data["symbols"]
    }
    assert source[places["Cart"] - 1].startswith("class Cart")


def test_related_needs_a_line(coco, shop) -> None:
    coco("related", "shop/cart.py").fails("coco related shop/cart.py:42")


def test_related_finds_other_places(coco, shop) -> None:
    result = coco("related", "shop/cart.py:12", "--json")
    assert result.code in (0, 4)
    assert "results" in result.data
