"""grep finds what stands in a project's text files, and says what it did not look into."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from coco_core.errors import InvalidInput
from coco_protocol.grep import GrepData, GrepRequest
from tests.local_daemon import Bench, open_bench

Grep = Callable[..., GrepData]

_CHINESE = (
    "# 这是用于测试的文件。里面写了很多中文的说明文字。为了让检测器有足够的材料。\r\n世界 = 1\r\n"
)
_JAPANESE = (
    "# これは日本語で書かれたテスト用のファイルです。検出器に十分な材料を与えます。\n世界 = 1\n"
)
_RUSSIAN = "# Это файл для проверки кодировки, в нём достаточно много русских слов.\nпривет = 1\n"  # noqa: RUF001 - letters of another alphabet

_FILES: dict[str, bytes] = {
    "gbk.py": _CHINESE.encode("gbk"),
    "sjis.py": _JAPANESE.encode("shift_jis"),
    "windows.py": _RUSSIAN.encode("cp1251"),
    "latin.py": "# déjà vu à la carte\nnaïve = 1\n".encode("latin-1"),
    "bare16.txt": "wörld of wide text\r\n".encode("utf-16-le"),
    "mark16.txt": "wörld of wide text\r\n".encode("utf-16"),
    "mark32.txt": "wörld of wide text\r\n".encode("utf-32"),
    "short-gbk.py": "# 计算总价\n".encode("gbk"),
    "short-russian.py": "# сумма заказа\n".encode("cp1251"),
    "short-sjis.py": "# 合計\n".encode("shift_jis"),
    "wide.txt": "第一行\n".encode("utf-16-le"),
    "crlf.c": b"int total;\r\nreturn total;\r\nint last;\r\n",
    "src/shop.py": b"def load(\n    name):\n    return loader(name)\n\n\ndef save():\n    pass\n",
    "src/far.js": b"const T = [" + b"1," * 4000 + b'"needle",' + b"2," * 4000 + b"];\nuse(T);\n",
    "big.c": b"int filler;\n" * 130_000 + b"int big_needle;\n",
    "package-lock.json": b'{"packages": "lock_needle"}\n',
    "app.min.js": b"!function(t,e){for(var n=0;n<9;n++)t.push(e[n])}(a,b);" * 90 + b"min_needle()",
    "app.bundle.js": b"export { bundle_needle } from './a.js';\n",
    "id_rsa_parser.py": b"def parse():\n    return 'rsa_needle'\n",
    "deploy.txt": b"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG secret_needle\n",
    ".env": b"TOKEN=secret_needle\n",
    "build/.env": b"TOKEN=secret_needle\n",
    "build/out.js": b"ignored_needle\n",
    ".gitignore": b"build\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    root = tmp_path_factory.mktemp("project")
    for name, content in _FILES.items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    with open_bench(tmp_path_factory.mktemp("home"), root) as bench:
        yield bench


@pytest.fixture
def grep(bench: Bench) -> Grep:
    def ask(pattern: str, **request: object) -> GrepData:
        asked = {"pattern": pattern, "project_id": bench.project_id, **request}
        return bench.daemon.grep(GrepRequest.model_validate(asked))

    return ask


def _places(data: GrepData) -> list[tuple[str, int]]:
    return [(match.path, match.line) for match in data.matches]


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        ("世界", [("gbk.py", 2), ("sjis.py", 2)]),
        ("привет", [("windows.py", 2)]),
        ("naïve", [("latin.py", 2)]),
        ("wörld", [("bare16.txt", 1), ("mark16.txt", 1), ("mark32.txt", 1)]),
        ("^wörld", []),
        ("总价", [("short-gbk.py", 1)]),
        ("сумма заказа", [("short-russian.py", 1)]),
        ("合計", [("short-sjis.py", 1)]),
        ("第一", [("wide.txt", 1)]),
        ("big_needle", [("big.c", 130_001)]),
        ("lock_needle", [("package-lock.json", 1)]),
        ("min_needle", [("app.min.js", 1)]),
        ("bundle_needle", [("app.bundle.js", 1)]),
        ("rsa_needle", [("id_rsa_parser.py", 2)]),
        ("secret_needle", []),
    ],
)
def test_text_of_any_encoding_and_size_is_found_and_no_secret(
    grep: Grep, pattern: str, places: list[tuple[str, int]]
) -> None:
    assert _places(grep(pattern)) == places


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        ("return total;$", [("crlf.c", 2)]),
        ("^wörld.*text$", [("bare16.txt", 1), ("mark16.txt", 1), ("mark32.txt", 1)]),
        (r"世界\s=", [("gbk.py", 2), ("sjis.py", 2)]),
        (r"load\(\n\s+name", [("src/shop.py", 1), ("src/shop.py", 2)]),
        ("total;\\nreturn total;\n", [("crlf.c", 1), ("crlf.c", 2)]),
        (r"[^\n]材料。\n世界", [("gbk.py", 1), ("gbk.py", 2)]),
        (r"total;\r\nreturn", [("crlf.c", 1), ("crlf.c", 2)]),
        (r"\x0adef save", [("src/shop.py", 5), ("src/shop.py", 6)]),
    ],
)
def test_expressions_see_the_lines_that_people_see(
    grep: Grep, pattern: str, places: list[tuple[str, int]]
) -> None:
    assert _places(grep(pattern, regex=True)) == places


def test_a_text_over_several_lines_is_found_whatever_their_ends(grep: Grep) -> None:
    found = grep("int total;\nreturn total;")
    assert [match.text for match in found.matches] == ["int total;", "return total;"]
    assert found.matches[1].spans[0].end == len("return total;")
    assert _places(grep("load(\r\n    name")) == [("src/shop.py", 1), ("src/shop.py", 2)]


def test_a_long_line_is_cut_around_the_match(grep: Grep) -> None:
    (match,) = grep("needle", include=["src"], max_columns=60).matches
    (span,) = match.spans
    assert match.text[span.start : span.end] == "needle"
    assert len(match.text) == 60
    assert match.column == len('const T = ["') + 8_001
    assert match.start_column + span.start == match.column
    assert match.line_length == len(_FILES["src/far.js"].split(b"\n")[0])


def test_context_keeps_the_numbers_of_lines(grep: Grep) -> None:
    first, second = grep("def ", include=["src"], regex=True, before=1, after=2).matches
    assert (first.line, first.before, first.after) == (
        1,
        [],
        ["    name):", "    return loader(name)"],
    )
    assert (second.line, second.before, second.after) == (6, [""], ["    pass"])
    within = grep("return", include=["crlf.c"], context=1).matches[0]
    assert (within.before, within.after) == (["int total;"], ["int last;"])


def test_quoted_words_are_found_in_any_encoding(bench: Bench) -> None:
    for phrase, name in (
        ("世界 = 1", "gbk.py"),
        ("привет = 1", "windows.py"),
        ("naïve = 1", "latin.py"),
    ):
        _, data = bench.ask(f'"{phrase}"', retrieval_mode="fts")
        assert name in {hit.chunk.path for hit in data.results}, phrase


def test_words_languages_and_counts(grep: Grep) -> None:
    assert _places(grep("load", word=True)) == [("src/shop.py", 1)]
    assert _places(grep("load")) == [("src/shop.py", 1), ("src/shop.py", 3)]
    assert _places(grep("total", languages=["c"], limit=1)) == [("crlf.c", 1)]
    counted = grep("total", output="counts")
    assert [(each.path, each.lines) for each in counted.counts] == [("crlf.c", 2)]
    assert counted.matches == []
    assert grep("e", output="counts", limit=3).truncated
    with pytest.raises(InvalidInput, match="no language 'pyhton'") as refused:
        grep("x", languages=["pyhton"])
    assert refused.value.hint is not None
    assert "python" in refused.value.hint


@pytest.mark.parametrize(
    ("request_", "reason", "notice"),
    [
        ({"pattern": "no such text"}, "no_match", None),
        ({"pattern": "load|save"}, "taken_as_text", None),
        ({"pattern": r"lod\w+"}, "taken_as_text", None),
        ({"pattern": "x", "languages": ["rust"]}, "no_such_language", None),
        ({"pattern": "x", "exclude": ["**"]}, "filtered_out", None),
        (
            {"pattern": "x", "include": ["nope/"]},
            "no_such_path",
            "There is no 'nope' in the project.",
        ),
        (
            {"pattern": "x", "include": ["*.rs"]},
            "no_such_path",
            "No file that is searched matches '*.rs'.",
        ),
        (
            {"pattern": "x", "include": ["out.js"]},
            "no_such_path",
            "No file that is searched matches 'out.js'.",
        ),
        (
            {"pattern": "x", "include": ["/build"]},
            "no_such_path",
            "'build' is not searched: ignored by a rule (.gitignore:1: build).",
        ),
        (
            {"pattern": "x", "include": [".env"]},
            "no_such_path",
            "'.env' is not searched: may hold a secret.",
        ),
        (
            {"pattern": "load(", "include": ["src", "tests/*.py"]},
            None,
            "No file that is searched matches 'tests/*.py'.",
        ),
        (
            {"pattern": "ignored_needle"},
            "no_match",
            "1 file that was not searched contains it: 1 ignored by a rule (build/out.js).",
        ),
    ],
)
def test_an_answer_says_why_it_is_empty(
    grep: Grep, request_: dict[str, object], reason: str | None, notice: str | None
) -> None:
    data = grep(**request_)  # type: ignore[arg-type]  # the pattern is a text in each
    assert (data.empty_reason, data.notice) == (reason, notice)


def test_ignored_files_are_searched_on_request_and_secrets_never(grep: Grep) -> None:
    assert _places(grep("ignored_needle", ignored=True)) == [("build/out.js", 1)]
    secret = grep("secret_needle", ignored=True)
    assert (secret.matches, secret.empty_reason, secret.notice) == ([], "no_match", None)
