from __future__ import annotations

from pathlib import Path

import pytest

from coco_flow.components.ops.code import (
    CodePattern,
    CodeSource,
    index_terms,
    match_code,
    render_match,
)

SOURCE = """\
class Store(Base):
    def get(self, key):
        # get(comment)
        if key in self.cache:
            return self.cache[key]
        return load(key, strict=True)

    def put(self, key, value): pass

x == x
x == y
load("load(text)")
"""


def found(pattern: str, source: str = SOURCE, language: str = "python") -> list[str]:
    return [match.chunks[0].text for match in match_code(pattern, source, language)]


def captured(pattern: str, name: str, source: str = SOURCE, language: str = "python") -> list[str]:
    matches = match_code(pattern, source, language)
    return [chunk.text for match in matches for chunk in match.captures[name]]


def test_a_hole_stands_for_one_node_and_a_starred_one_for_neighbors() -> None:
    assert captured(r"def \NAME(\(ARGS*\)):", "NAME") == ["get", "put"]
    assert captured(r"def \NAME(\(ARGS*\)):", "ARGS") == ["self, key", "self, key, value"]
    assert captured(r"load(\X)", "X") == ['"load(text)"']
    assert captured(r"load(\(X*\))", "X") == ["key, strict=True", '"load(text)"']
    assert captured(r"load(key\(REST?\))", "REST") == []
    assert captured(r"def put(\(A*\)): \(BODY+\)", "BODY") == ["pass"]


def test_a_name_that_is_used_twice_stands_for_one_text() -> None:
    assert found(r"\X == \X") == ["x == x"]
    assert found(r"\_ == \_") == ["x == x", "x == y"]


def test_a_regex_limits_a_hole_to_texts_that_it_matches_wholly() -> None:
    assert captured(r"def \(NAME:/p.*/\)(\(_*\)):", "NAME") == ["put"]
    assert found(r"def \(NAME:/p/\)(\(_*\)):") == []


def test_white_space_strings_and_comments() -> None:
    assert found("load ( key , strict = True )") == ["load(key, strict=True)"]
    assert found('"load(text)"') == ['"load(text)"']
    assert found("get(comment)") == []
    # One word of the pattern is not two of the source.
    assert found("returnself") == []
    assert found("a b", "ab\n") == []


def test_a_match_is_a_node_or_neighbors_and_says_where_it_is() -> None:
    (match,) = match_code("x == x\nx == y", SOURCE, "python")
    assert match.kind == "module"
    assert match.chunks[0].text == "x == x\nx == y"
    assert match.chunks[0].start.line == 10
    (match,) = match_code(r"def put(\(A*\))", "ß = 1\ndef put(a): pass\n", "python")
    assert match.kind == "function_definition"
    start = match.chunks[0].start
    assert (start.byte_offset, start.char_offset, start.line, start.column) == (7, 6, 2, 1)


@pytest.mark.parametrize(
    ("language", "source", "pattern", "name", "texts"),
    [
        ("rust", "fn main() { let a = 1; }", r"let \N = \V;", "V", ["1"]),
        ("typescript", "const f = (a: number) => a + 1;", r"(\(P*\)) => \B", "B", ["a + 1"]),
        ("go", "func (s *S) Get(k string) int { return 1 }", r"return \X", "X", ["1"]),
        ("java", "class A { int f() { return g(1, 2); } }", r"g(\(A*\))", "A", ["1, 2"]),
        ("c++", "int main() { return 0; }", r"return \V;", "V", ["0"]),
        ("sql", "SELECT a FROM t WHERE b = 1", r"FROM \T", "T", ["t"]),
        ("json", '{"a": [1, 2]}', r'"a": \V', "V", ["[1, 2]"]),
    ],
)
def test_languages(language: str, source: str, pattern: str, name: str, texts: list[str]) -> None:
    assert captured(pattern, name, source, language) == texts


def test_deep_nesting_does_not_end_the_stack() -> None:
    source = "x = " + " + ".join(["a"] * 3000) + " + last\n"
    assert found(r"\_ + last", source) == [source[4:].strip()]


def test_what_cannot_match_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = CodePattern(r"return process(\X)", "python")
    assert not pattern.might_match("return other(x)")

    def parse(self: CodeSource, language: str) -> None:
        raise AssertionError(f"parsed as {language}")

    monkeypatch.setattr(CodeSource, "tree", parse)
    assert pattern.match_source("return other(x)") == []


def test_files_that_are_no_text_are_left_out(tmp_path: Path) -> None:
    pattern = CodePattern(r"def \N(\(A*\)):", "python")
    (tmp_path / "a.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "b.py").write_bytes(b"\xff\xfedef f():")
    matched = pattern.match_file(str(tmp_path / "a.py"))
    assert matched is not None
    assert len(matched.matches) == 2
    assert pattern.match_file(str(tmp_path / "b.py")) is None
    with pytest.raises(FileNotFoundError):
        pattern.match_file(str(tmp_path / "c.py"))


@pytest.mark.parametrize("pattern", [r"\(NAME", r"\(A B\)", r"\(A:x\)", r"\(/[/\)", "\\"])
def test_a_hole_that_is_not_well_formed_is_an_error(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"hole|regex"):
        CodePattern(pattern, "python")


@pytest.mark.parametrize("language", ["markdown", "nonsense", "csv"])
def test_a_language_that_cannot_be_matched_is_an_error(language: str) -> None:
    with pytest.raises(ValueError, match="structural matching is not supported"):
        CodePattern(r"\X", language)


def test_terms_are_names_and_the_words_of_strings() -> None:
    terms = index_terms(CodeSource(SOURCE, "python"))
    assert {"Store", "Base", "cache", "load", "text", "strict"} <= set(terms)
    assert not {"class", "return", "comment", "if"} & set(terms)
    assert len(terms) == len(set(terms))


def test_a_match_is_shown_in_its_scopes() -> None:
    source = CodeSource(SOURCE, "python")
    (match,) = CodePattern(r"self.cache[\K]", "python").match_source(source)
    view = render_match(source, match)
    assert view.text == (
        "class Store(Base):\n    def get(self, key):\n        if key in self.cache:\n"
        "... self.cache[key]"
    )
    assert [segment.kind for segment in view.segments] == ["frame"] * 4 + ["content"]
    assert view.start == match.chunks[0].start
    assert view.end == match.chunks[0].end
    texts = [view.text[s.rendered_start : s.rendered_end] for s in view.segments]
    assert "".join(texts) == view.text
