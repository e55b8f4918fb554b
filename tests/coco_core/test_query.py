from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_core.intent import SearchIntent
from coco_core.query import Query, parse_query


def read(text: str) -> Query:
    return parse_query(SearchIntent(text))


@pytest.mark.parametrize(
    ("text", "shape", "symbols"),
    [
        ("Router", "symbol", ("Router",)),
        ("middleware", "symbol", ("middleware",)),
        ("class Foo", "symbol", ("Foo",)),
        ("App.run", "symbol", ("App.run",)),
        ("std::vector::push_back", "symbol", ("std.vector.push_back",)),
        ("Foo#bar()", "symbol", ("Foo.bar",)),
        ("@app.route", "symbol", ("app.route",)),
        ("`valid?`", "symbol", ("valid?",)),
        ("where is parse_header called", "mixed", ("parse_header",)),
        ("how does the Router dispatch requests", "sentence", ("Router",)),
        ("How are requests sent", "sentence", ()),
        ("read/write lock", "mixed", ()),
        ("HTTP client retries", "sentence", ()),
        ("the `foo` thing", "mixed", ("foo",)),
        ("C++", "mixed", ()),
    ],
)
def test_shape_and_symbols(text: str, shape: str, symbols: tuple[str, ...]) -> None:
    query = read(text)
    assert query.symbols == symbols
    if text != "read/write lock" and text != "the `foo` thing":
        assert query.shape == shape


def test_names_lean_to_keywords_and_sentences_to_vectors() -> None:
    assert read("Router").alpha < read("parse_header callers").alpha
    assert read("parse_header callers").alpha < read("how are requests sent").alpha


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ('"Exact String"', ("Exact String",)),
        (' "Exact String" “other one” ', ("Exact String", "other one")),
        ('"Exact String" handling and “other one”', ()),
        ('{"name": "flask", "version": "3"}', ()),
        ('File "/srv/app/server.py", line 5, in get', ()),
        ("'Exact String'", ()),
        ('"', ('"',)),
        ("=>", ("=>",)),
        ("i++;", ("i++;",)),
        (" a[i] ", ("a[i]",)),
        ("🚀", ("🚀",)),
        ("x != None", ()),
        ("is it ok?", ()),
    ],
)
def test_quoted_strings_alone_and_what_has_no_word_must_occur(
    text: str, phrases: tuple[str, ...]
) -> None:
    query = read(text)
    assert query.phrases == phrases
    assert query.without_phrases().phrases == ()
    assert query.without_phrases().terms == query.terms


def test_filling_words_are_left_out_unless_there_is_nothing_else() -> None:
    assert read("how does the router work with it").terms == ("rout", "work")
    assert read("with").terms == ("with",)


def test_terms_come_once_and_in_order() -> None:
    assert read("parse parser parsing header").terms == ("pars", "head")


def test_the_query_may_ask_for_tests_examples_and_docs() -> None:
    assert read("unit tests of the parser").wants_tests
    assert read("Benchmark of the parser").wants_tests
    assert read("examples of routing").wants_examples
    assert read("installation guide").wants_docs
    plain = read("contest of latest protesters")
    assert not (plain.wants_tests or plain.wants_examples or plain.wants_docs)


def test_identifiers_are_split_for_the_embedder() -> None:
    assert read("where is getUserName or snake_case").embed_text == (
        "where is get User Name or snake case"
    )


@pytest.mark.slow
@given(st.text(min_size=1, max_size=200).filter(str.strip))
def test_any_query_is_understood(text: str) -> None:
    query = read(text)
    assert 0 <= query.alpha <= 1
    assert all(name.strip(".") for name in query.symbols)
    assert len(set(query.terms)) == len(query.terms)


@pytest.mark.parametrize(
    ("text", "terms", "shape"),
    [
        ("令", ("令",), "mixed"),
        ("命令", ("命令",), "mixed"),
        (
            "配置文件在哪里加载",
            ("配置", "置文", "文件", "件在", "在哪", "哪里", "里加", "加载"),
            "sentence",
        ),
        ("設定 はどこ", ("設定", "はど", "どこ"), "mixed"),
        ("Router の 設定", ("rout", "の", "設定"), "mixed"),
    ],
)
def test_scripts_without_spaces_are_asked_in_pairs(
    text: str, terms: tuple[str, ...], shape: str
) -> None:
    query = read(text)
    assert query.terms == terms
    assert query.shape == shape
    assert query.name == ""


def test_a_decomposed_query_is_the_composed_one() -> None:
    assert read("wo Za\u0308hlt").terms == read("wo Zählt").terms
