import re

import pytest

from coco_local.cli.query import Mode, Profile
from coco_protocol import docs
from coco_protocol.docs import QueryRequest


def test_piped_results_are_path_lines_and_plain_text(coco, shop) -> None:
    result = coco("query", "retry", "after", "a", "growing", "delay")
    assert result.code == 0
    header, *lines = result.out.splitlines()
    match = re.fullmatch(r"shop/retry\.py:(\d+)-(\d+) retry_with_backoff", header)
    assert match is not None
    source = (shop / "shop/retry.py").read_text(encoding="utf-8").splitlines()
    assert lines[: len(source)][0] == source[int(match[1]) - 1]
    assert "\x1b" not in result.out


def test_piped_results_say_in_which_definition_they_lie(coco, shop) -> None:
    body = "".join(f"        step_{n} = lookup({n})\n" for n in range(60))
    source = f"class Depot:\n    def refill(self):\n{body}        return qzmarmot_total(self)\n"
    depot = shop / "depot.py"
    depot.write_text(source, encoding="utf-8")
    try:
        header, *lines = coco("query", "qzmarmot_total", "-k", "1").out.splitlines()
        whole = coco("query", "qzmarmot_total", "-k", "1", "--full").out.splitlines()
    finally:
        depot.unlink()
    assert header == "depot.py:1-63 Depot.refill"
    assert lines[:2] == ["class Depot:", "    def refill(self):"]
    # What is left out is said, with the number of the line that follows.
    [gap] = [number for number, line in enumerate(lines) if line.startswith("…")]
    assert lines[gap + 1 :] == source.splitlines()[int(lines[gap][1:]) - 1 :]
    assert not any(line.startswith("…") for line in whole)


def test_what_is_missing_is_said_on_standard_error(coco, shop) -> None:
    assert "model" in coco("query", "cart").err


def test_paths_are_relative_to_the_working_directory(coco, shop, monkeypatch) -> None:
    monkeypatch.chdir(shop / "web")
    assert coco("query", "retry_with_backoff", "--files", "-k", "1").out == "../shop/retry.py\n"


def test_outside_of_the_project_paths_are_absolute(coco, shop, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = coco("query", "retry_with_backoff", "-p", "shop", "--files", "-k", "1")
    assert result.out == f"{shop / 'shop/retry.py'}\n"


def test_a_project_is_named_by_id_and_by_path_too(coco, shop, tmp_path, monkeypatch) -> None:
    project_id = coco("projects", "--json").data["projects"][0]["project_id"]
    monkeypatch.chdir(tmp_path)
    for name in (project_id, "SHOP", str(shop), str(shop / "web")):
        assert coco("query", "matchRoute", "-p", name, "--files", "-k", "1").code == 0


def test_outside_of_every_project_it_says_how_to_add_one(coco, shop, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    coco("query", "cart").fails("is in no project", "coco import .", "shop")


def test_an_unknown_project_is_told_with_the_known_ones(coco, shop) -> None:
    coco("query", "cart", "-p", "nonsense").fails(
        "error: There is no project 'nonsense'.", "hint: CoCo knows shop"
    )


def test_nothing_found_says_why_and_exits_4(coco, shop) -> None:
    # Vectors always have a nearest chunk; only keywords find nothing.
    result = coco("query", "zyxwvu", "--mode", "fts")
    assert (result.code, result.out) == (4, "")
    assert "nothing in shop matches" in result.err
    assert "model" not in result.err
    for options, sentence in (
        (["--lang", "rust"], "no indexed file of shop is in that language"),
        (["--path", "nope/**"], "No file that is indexed matches 'nope/**'."),
        (["--symbol", "no_such_name"], "nothing in shop defines a symbol of that name"),
        (["--lang", "python", "--kind", "section"], "nothing in shop passes all of the filters"),
        (["--offset", "900"], "there are no more results in shop"),
    ):
        said = coco("query", "cart", *options).fails(sentence, code=4).err
        assert "not ready" not in said
    coco("query", "cart", "--lang", "pyhton").fails("no language 'pyhton'", "Did you mean python")
    coco("query", "cart", "--kind", "klass").fails("Unknown chunk kind 'klass'", "class")


def test_nothing_found_as_json_is_still_an_answer(coco, shop) -> None:
    result = coco("query", "zyxwvu", "--mode", "fts", "--json")
    assert result.code == 4
    assert result.data["results"] == []
    assert result.data["empty_reason"] == "no_match"


def test_json_is_what_the_http_api_answers(coco, shop, running) -> None:
    document = coco("query", "total price of the cart", "--json").document
    with running.client as client:
        project = client.projects().projects[0]
        answer = client.query(
            QueryRequest(query="total price of the cart", project_id=project.project_id)
        )
    assert document["data"] == answer.data.model_dump(mode="json")
    assert document["meta"].keys() == answer.meta.model_dump().keys()
    assert document["meta"]["request_id"]


@pytest.mark.parametrize(
    ("options", "files"),
    [
        (["--path", "tests/**"], {"tests/test_cart.py"}),
        (["--exclude", "**/*.py", "--exclude", "*.ts"], {"README.md"}),
        (["--lang", "markdown"], {"README.md"}),
        (["--kind", "class"], {"shop/cart.py"}),
    ],
)
def test_filters(coco, shop, options, files) -> None:
    result = coco("query", "cart", "--files", "--mode", "fts", *options)
    assert set(result.out.splitlines()) == files


def test_a_pattern_with_a_dot_is_relative_to_here(coco, shop, monkeypatch) -> None:
    monkeypatch.chdir(shop / "tests")
    assert coco("query", "cart", "--files", "--path", ".").out == "test_cart.py\n"
    assert coco("query", "cart", "--files", "--path", "../README.md").out == "../README.md\n"
    coco("query", "cart", "--path", "../../*").fails("outside the project")


def test_context_shows_lines_around_the_hit(coco, shop) -> None:
    plain = coco("query", "apply_discount", "--kind", "function", "-k", "1").out
    wide = coco("query", "apply_discount", "--kind", "function", "-k", "1", "-C", "2").out
    first, last = re.findall(r":(\d+)-(\d+)", plain)[0]
    wide_first, wide_last = re.findall(r":(\d+)-(\d+)", wide)[0]
    assert int(wide_first) == int(first) - 2
    assert int(wide_last) >= int(last)
    source = (shop / "shop/cart.py").read_text(encoding="utf-8").splitlines()
    shown = source[int(wide_first) - 1 : int(wide_last)]
    assert "\n".join(shown).strip("\n") in wide


def test_explain_tells_the_stages(coco, shop) -> None:
    result = coco("query", "apply_discount", "--explain", "-k", "1")
    assert re.search(r"^# score=\S+ .*fused=", result.out, re.MULTILINE)


def test_refused_values_are_told_without_a_traceback(coco, shop) -> None:
    empty = coco("query", "")
    assert (empty.code, empty.err.startswith("error: The query '' cannot be used: ")) == (1, True)
    assert coco("query", "x", "--mode", "guess").code == 2
    assert coco("query", "x", "--alpha", "3").code == 2
    assert coco("query", "x", "-k", "0").code == 2


def test_the_closed_sets_are_those_of_the_wire() -> None:
    assert Mode == docs.RetrievalMode
    assert Profile == docs.Profile


def test_on_a_terminal_there_are_line_numbers_and_colors(on_terminal, shop) -> None:
    result = on_terminal("query", "retry_with_backoff", "-k", "1")
    assert result.code == 0
    assert re.search(r"shop/retry\.py:\d+\x1b", result.out), "path:line must stay in one piece"
    assert "\x1b[1;36mshop/retry.py" in result.out
    plain = re.sub(r"\x1b\[[0-9;]*m", "", result.out)
    source = (shop / "shop/retry.py").read_text(encoding="utf-8").splitlines()
    number = next(n for n, line in enumerate(source, 1) if "def retry_with_backoff" in line)
    assert re.search(rf"^{number}  def retry_with_backoff", plain, re.MULTILINE)


def test_no_color_is_respected(on_terminal, shop) -> None:
    result = on_terminal("query", "retry_with_backoff", "-k", "1", NO_COLOR="1")
    assert result.code == 0
    assert not re.search(r"\x1b\[[0-9;]*(3[0-7]|9[0-7])m", result.out)


def test_a_terminal_is_not_steered_by_what_a_file_holds(on_terminal, shop, coco) -> None:
    evil = shop / "evil.md"
    evil.write_text("# Evil\n\ntitle \x1b]0;owned\x07 steering\n", encoding="utf-8")
    try:
        result = on_terminal("grep", "steering")
        assert result.code == 0
        assert "^[]0;owned^G" in result.out
        assert "\x1b]0;" not in result.out
    finally:
        evil.unlink()


def test_on_a_terminal_matches_are_marked_and_grouped_by_file(on_terminal, shop) -> None:
    result = on_terminal("grep", "apply_discount", "-C", "1")
    assert result.code == 0
    lines = result.out.replace("\r", "").splitlines()
    assert lines[0] == "\x1b[1;36mshop/cart.py\x1b[0m"
    marked = re.compile(r"\x1b\[32m\d+:\x1b\[0m[^\x1b]*\x1b\[1;31mapply_discount\x1b\[0m")
    assert any(marked.match(line) for line in lines)
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines[1:]]
    source = (shop / "shop/cart.py").read_text(encoding="utf-8").splitlines()
    for line in plain:
        if line != "--":
            number, text = re.fullmatch(r"(\d+)[:-](.*)", line).groups()
            assert source[int(number) - 1] == text
