import pytest

from coco_core.errors import InvalidIntent
from coco_core.filter_words import split_filters
from coco_core.filters import Filters, matches
from coco_core.intent import SearchIntent
from coco_core.query_filters import ParsedQuery, parse_filters, with_filters
from coco_core.types import ChunkKind, ChunkMetadata


def chunk(doc_id: str, language: str = "python", symbol: str = "") -> ChunkMetadata:
    return ChunkMetadata(0, doc_id, ChunkKind.FUNCTION, language, symbol, (), 1, 2, 10)


def passing(text: str, *doc_ids: str, given: Filters | None = None) -> list[str]:
    """Return the documents that the filters of a query let through."""
    filters = with_filters(parse_filters(text), given or Filters())
    return [doc_id for doc_id in doc_ids if matches(filters, chunk(doc_id))]


@pytest.mark.parametrize(
    "text",
    [
        "http://x/lang",
        "std::vector",
        "path::join",
        "lang::en",
        "file:///etc/hosts",
        "foo:bar",
        "path: x",
        "kind:",
        "my-path:x",
        'the "lang:py" mark',
        "the “path:src” mark",
        "what does `kind:pod` mean",
        "apiVersion: v1\nkind:Deployment\nlang:xx",
        "multi  spaced   text",
    ],
)
def test_what_is_no_filter_stays_text(text: str) -> None:
    assert split_filters(text) == (text, [])
    assert parse_filters(text) == ParsedQuery(text)


def test_every_filter_is_taken_out_of_the_text() -> None:
    parsed = parse_filters(
        "retry lang:py,go path:src -path:tests ext:md file:query.py kind:method symbol:App::run now"
    )
    assert parsed == ParsedQuery(
        "retry now",
        languages=("python", "go"),
        kinds=(ChunkKind.METHOD,),
        paths=("src",),
        files=("query.py",),
        extensions=("*.md",),
        exclude=("tests",),
        symbol="App.run",
    )


def test_quoted_values_keep_their_spaces() -> None:
    assert parse_filters('path:"my dir/x, y" a').paths == ("my dir/x, y",)
    assert parse_filters("path:“my dir” a").paths == ("my dir",)


def test_names_count_whatever_their_case_and_by_other_tools_words() -> None:
    assert parse_filters("LANG:Py a").languages == ("python",)
    assert parse_filters("language:go a").languages == ("go",)
    assert parse_filters("extension:rs a").extensions == ("*.rs",)


def test_punctuation_after_a_value_belongs_to_the_sentence() -> None:
    assert parse_filters("where is it in lang:python?").languages == ("python",)


@pytest.mark.parametrize(
    ("word", "name"),
    [("py", "python"), ("Python", "python"), (".pyi", "python"), ("c++", "cpp"), ("hpp", "cpp"),
     ("golang", "go"), ("yml", "yaml"), ("mdx", "markdown"), ("ipp", "cpp")],
)  # fmt: skip
def test_languages_go_by_names_other_names_and_extensions(word: str, name: str) -> None:
    assert parse_filters(f"lang:{word} x").languages == (name,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lang:pyhton x", "There is no language 'pyhton'. Did you mean python?"),
        ("lang:javscript x", "There is no language 'javscript'. Did you mean javascript"),
        ("lang:qqqq x", "There is no language 'qqqq'. "),
        ("kind:functon x", "There is no kind 'functon'; did you mean function?"),
        ("lang:,, x", "The filter lang: has no value."),
        ("-lang:py x", "-lang: cannot leave anything out."),
        ("symbol:A symbol:B", "The query names the symbols A and B."),
        ("path:src lang:py", "has filters and no words"),
    ],
)
def test_what_cannot_be_is_told(text: str, said: str) -> None:
    with pytest.raises(InvalidIntent, match=said.replace("?", r"\?").rstrip()):
        parse_filters(text)


def test_an_unknown_value_says_how_to_search_for_it() -> None:
    with pytest.raises(InvalidIntent) as failure:
        parse_filters("lang:en attribute")
    assert failure.value.hint is not None
    assert failure.value.hint.endswith('To search for it as text, put it in quotes: "lang:en".')
    assert parse_filters('"lang:en" attribute').languages == ()


def test_filters_alone_search_for_what_they_name() -> None:
    assert parse_filters("symbol:push lang:py").text == "push"
    assert parse_filters("file:query.py").text == "query.py"
    assert parse_filters("file:*_test.go").text == "_test.go"


def test_a_path_is_a_glob_or_a_directory_at_any_depth() -> None:
    files = ("src/a.py", "lib/src/b.py", "tests/c.py")
    assert passing("x path:src", *files) == ["src/a.py", "lib/src/b.py"]
    assert passing("x path:./src/*.py", *files) == ["src/a.py"]
    assert passing("x -path:tests -path:lib", *files) == ["src/a.py"]
    assert passing("x path:tests path:lib", *files) == ["lib/src/b.py", "tests/c.py"]


def test_a_file_goes_by_its_name_at_any_depth() -> None:
    files = ("query.py", "a/query.py", "a/queries.py", "a/query.test.py", "b/query", "query/x.py")
    assert passing("x file:query.py", *files) == ["query.py", "a/query.py"]
    assert passing("x file:a/query.py", "a/query.py", "c/a/query.py", "query.py") == [
        "a/query.py",
        "c/a/query.py",
    ]
    assert passing("x file:query", *files[:5]) == [
        "query.py",
        "a/query.py",
        "a/query.test.py",
        "b/query",
    ]


def test_different_filters_hold_together() -> None:
    files = ("src/query.py", "tests/query.py", "src/other.py", "src/query.md")
    assert passing("x path:src file:query.py", *files) == ["src/query.py"]
    assert passing("x path:src file:query ext:md", *files) == ["src/query.md"]


def test_the_text_narrows_what_the_request_says_and_never_widens_it() -> None:
    within = Filters(include=("/src",))
    assert passing("x path:docs", "docs/a.py", "src/docs/b.py", given=within) == ["src/docs/b.py"]
    both = with_filters(parse_filters("x lang:py"), Filters(languages=("go", "python")))
    assert both.languages == ("python",)
    with pytest.raises(InvalidIntent, match="contradicts"):
        with_filters(parse_filters("x lang:py"), Filters(languages=("go",)))
    with pytest.raises(InvalidIntent, match="contradicts"):
        with_filters(parse_filters("symbol:A"), Filters(symbol="B"))


def test_the_groups_survive_being_stored() -> None:
    filters = with_filters(parse_filters("x path:src file:a.py"), Filters(include=("lib",)))
    intent = SearchIntent("x", filters=filters)
    assert SearchIntent.from_dict(intent.to_dict()) == intent
    with pytest.raises(InvalidIntent, match="narrowed"):
        SearchIntent.from_dict({"query": "x", "filters": {"narrowed": ["src"]}})
