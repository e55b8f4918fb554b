"""File patterns: what they match, and that pruning folders loses no file."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coco_flow.errors import DefinitionError
from coco_flow.sources.file_patterns import FilePatterns

MATCHES = [
    ("*.md", ["a.md", "x/a.md", "x/.hid/a.md", ".md", "/.md"], ["a.MD", "a.md/b", "a.mdx"]),
    ("sub/*.md", ["sub/a.md", "sub/.hid/e.md", "sub/.md"], ["a.md", "x/sub/a.md"]),
    ("**/*.py", ["a.py", "x/a.py", "x/y/a.py"], ["a.pyc"]),
    ("**/test", ["test", "x/test", "x/y/test"], ["xtest", "test/x", "x/atest"]),
    ("docs/**", ["docs/a", "docs/x/y"], ["docs", "docsx/a", "x/docs/a"]),
    ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb", "xa/b"]),
    ("**", ["a", "x/a", ""], []),
    ("x**y", ["xy", "x/1/y"], ["xz"]),
    ("?.md", ["a.md", "é.md", "/.md"], [".md", "ab.md"]),
    ("*.{c,h}", ["a.c", "x/a.h"], ["a.o", "a.ch"]),
    ("{a,b/{c,d}}*", ["a", "ax", "b/c", "b/d/e"], ["b", "c"]),
    ("{**/a,b}/c", ["a/c", "x/a/c", "b/c"], ["x/b/c", "xa/c"]),
    ("[ab]c", ["ac", "bc"], ["cc", "abc"]),
    ("[!a-c]", ["d", "/"], ["a", "b", "c", ""]),
    ("[^a]", ["b"], ["a"]),
    ("[]a]", ["]", "a"], ["b"]),
    ("[a-]", ["a", "-"], ["b"]),
    ("[*]", ["*"], ["a"]),
    ("\\*\\{", ["*{"], ["a{"]),
    ("a.b+(c)$", ["a.b+(c)$"], ["axb+(c)$"]),
    ("{,a}", ["a"], [""]),
    ("*\n*", ["a\nb"], ["ab"]),
]


@pytest.mark.row("CLD-4 patterns")
@pytest.mark.parametrize(("pattern", "yes", "no"), MATCHES, ids=[m[0] for m in MATCHES])
def test_a_pattern_matches_whole_paths(pattern: str, yes: list[str], no: list[str]) -> None:
    patterns = FilePatterns([pattern])
    assert [p for p in yes if not patterns.file_matches(p)] == []
    assert [p for p in no if patterns.file_matches(p)] == []


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("{a,b", "a '{' has no '}'"),
        ("a}", "a '}' has no '{'"),
        ("[a", "a '[' has no ']'"),
        ("[]", "a '[' has no ']'"),
        ("[z-a]", "the range z-a is empty"),
        ("a\\", "it ends in a backslash that escapes nothing"),
    ],
)
def test_an_invalid_pattern_is_named_with_its_fault(pattern: str, reason: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        FilePatterns(None, [pattern])
    assert repr(pattern) in str(caught.value)
    assert reason in str(caught.value)


def test_a_text_instead_of_a_list_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"included_patterns=\['\*\.md'\]"):
        FilePatterns("*.md")


def test_no_patterns_include_everything_and_an_empty_list_nothing() -> None:
    assert FilePatterns().accepts("a/b")
    assert not FilePatterns([]).accepts("a/b")
    assert not FilePatterns([]).enters("a")


def test_an_excluded_folder_is_not_entered() -> None:
    top = FilePatterns(None, ["node_modules"])
    assert not top.enters("node_modules")
    assert not top.accepts("node_modules/x/a.js")
    assert top.enters("web/node_modules")
    everywhere = FilePatterns(None, ["**/node_modules"])
    assert not everywhere.accepts("web/node_modules/a.js")
    assert not FilePatterns(None, ["**/build/**"]).enters("x/build")


def test_folders_that_no_included_pattern_can_reach_are_not_entered() -> None:
    patterns = FilePatterns(["docs/guide/*.md", "readme.md"])
    assert [f for f in ("docs", "docs/guide", "docs/guide/x") if not patterns.enters(f)] == []
    assert [f for f in ("doc", "docs/api", "src") if patterns.enters(f)] == []
    assert FilePatterns(["*.md", "docs/*"]).enters("src")
    assert FilePatterns(["docs/guide/*", "docs/api/*"]).start == "docs/"
    assert FilePatterns(["*"]).start == ""


# --- an obvious matcher that knows the meaning of each part, not the syntax of the whole ----------

NAME = st.text("ab.", min_size=1, max_size=3)
LITERAL = NAME.map(lambda name: (name, ("text", name)))
PARTS = st.one_of(
    LITERAL,
    st.just(("/", ("text", "/"))),
    st.just(("?", ("one", None))),
    st.just(("*", ("any", None))),
    st.just(("[!a]", ("none of", "a"))),
    st.just(("[a-b]", ("one of", "ab"))),
    st.lists(LITERAL, min_size=1, max_size=3).map(
        lambda found: (
            "{" + ",".join(text for text, _ in found) + "}",
            ("choice", [meaning for _, meaning in found]),
        )
    ),
)


@st.composite
def patterns_with_meaning(draw: st.DrawFn) -> tuple[str, list]:
    """A pattern and what it means; `**` is used only where it means folders."""
    text, meaning = "", []
    if draw(st.booleans()):
        text, meaning = "**/", [("folders", None)]
    for index in range(draw(st.integers(1, 3))):
        if index:
            inner = draw(st.booleans())
            text += "/**/" if inner else "/"
            meaning.append(("text", "/"))
            if inner:
                meaning.append(("folders", None))
        text += draw(NAME.map(lambda name: "x" + name))
        meaning.append(("text", text[text.rindex("x") :]))
        for part, means in draw(st.lists(PARTS, max_size=3)):
            if not (text.endswith("*") and part == "*"):
                text += part
                meaning.append(means)
    if draw(st.booleans()) and not text.endswith(("/", "*")):
        text += "/**"
        meaning += [("text", "/"), ("any", None)]
    return text, meaning


def slow_match(meaning: list, path: str) -> bool:
    """Try everything."""
    if not meaning:
        return path == ""
    (kind, value), rest = meaning[0], meaning[1:]
    if kind == "text":
        return path.startswith(value) and slow_match(rest, path[len(value) :])
    if kind == "choice":
        return any(slow_match([choice, *rest], path) for choice in value)
    if kind == "any":
        return any(slow_match(rest, path[at:]) for at in range(len(path) + 1))
    if kind == "folders":
        ends = [at + 1 for at, character in enumerate(path) if character == "/"]
        return any(slow_match(rest, path[at:]) for at in [0, *ends])
    fits = {"one": True, "one of": path[:1] in (value or ""), "none of": path[:1] != value}[kind]
    return path != "" and fits and slow_match(rest, path[1:])


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(patterns_with_meaning(), st.lists(st.text("abx./", max_size=8), max_size=20))
def test_patterns_agree_with_a_slow_obvious_matcher(
    made: tuple[str, list], paths: list[str]
) -> None:
    text, meaning = made
    patterns = FilePatterns([text])
    for path in [*paths, text.replace("**", "b").replace("*", ""), text.replace("/**/", "/")]:
        assert bool(patterns.file_matches(path)) == slow_match(meaning, path), (text, path)


FOLDERS = st.text("ab", min_size=1, max_size=1)
PATHS = st.lists(FOLDERS, min_size=1, max_size=4).map("/".join)
PATTERN_TEXTS = st.lists(
    st.sampled_from(["a", "b", "/", "*", "**/", "/**", "{a,b}", "[!a]", "?"]),
    min_size=1,
    max_size=4,
).map("".join)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(PATTERN_TEXTS, max_size=3), st.lists(PATTERN_TEXTS, max_size=2), PATHS)
def test_a_path_is_accepted_if_no_folder_above_it_is_excluded(
    included: list[str], excluded: list[str], path: str
) -> None:
    def matches(texts: list[str], name: str) -> bool:
        return any(FilePatterns([text]).file_matches(name) for text in texts)

    parts = path.split("/")
    names = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    expected = matches(included, path) and not any(matches(excluded, name) for name in names)
    patterns = FilePatterns(included, excluded)
    assert bool(patterns.accepts(path)) == expected
    if expected:
        assert patterns.reaches(path)
        assert path.startswith(patterns.start)
