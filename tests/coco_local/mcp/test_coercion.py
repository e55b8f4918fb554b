"""Arguments as models write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_core.errors import InvalidInput
from coco_local.mcp.arguments import Arguments
from coco_local.mcp.coercion import read_arguments
from coco_local.mcp.tools import TOOLS

MODELS: dict[str, type[Arguments]] = {tool.name: tool.arguments for tool in TOOLS}
NEEDED: dict[str, dict[str, Any]] = {
    "search": {"query": "x"},
    "related": {"path": "a.py"},
    "outline": {"path": "a.py"},
    "grep": {"pattern": "x"},
    "read": {"path": "a.py"},
}


def read(tool: str, **given: Any) -> tuple[dict[str, Any], list[str]]:
    arguments, notes = read_arguments(MODELS[tool], tool, {**NEEDED.get(tool, {}), **given})
    return arguments.model_dump(exclude_unset=True), notes


@pytest.mark.parametrize(
    ("tool", "given_values", "meant"),
    [
        ("search", {"limit": "5"}, {"limit": 5}),
        ("search", {"limit": " 5 "}, {"limit": 5}),
        ("search", {"limit": 5.0}, {"limit": 5}),
        ("search", {"limit": "5.0"}, {"limit": 5}),
        ("search", {"limit": None, "path": None, "languages": None, "mode": None}, {}),
        ("search", {"limit": "", "path": "", "languages": "", "profile": ""}, {}),
        ("search", {"languages": "python"}, {"languages": ["python"]}),
        ("search", {"languages": '["python"]'}, {"languages": ["python"]}),
        ("search", {"languages": "python, javascript"}, {"languages": ["python", "javascript"]}),
        ("search", {"languages": ["python, go", None, ""]}, {"languages": ["python", "go"]}),
        ("search", {"languages": '["a", "b"]'}, {"languages": ["a", "b"]}),
        ("search", {"include": "*.{ts,tsx}, src/**"}, {"include": ["*.{ts,tsx}", "src/**"]}),
        ("search", {"include": "[ab]*.py"}, {"include": ["[ab]*.py"]}),
        ("search", {"include": "[a,b].py"}, {"include": ["[a,b].py"]}),
        ("search", {"mode": "FTS"}, {"mode": "fts"}),
        ("search", {"query": 404}, {"query": "404"}),
        ("search", {"query": ["only one"]}, {"query": "only one"}),
        ("search", {"maxTokens": 500, "per-file": 2}, {"max_tokens": 500, "per_file": 2}),
        ("grep", {"regex": "true"}, {"regex": True}),
        ("grep", {"regex": "False"}, {"regex": False}),
        ("grep", {"regex": 1}, {"regex": True}),
        ("grep", {"case_sensitive": None, "regex": ""}, {}),
        ("grep", {"pattern": "a, b"}, {"pattern": "a, b"}),
        ("grep", {"context": "0"}, {"context": 0}),
        ("related", {"line": 0}, {"line": 1}),
        ("read", {"start_line": "0", "end_line": "7"}, {"start_line": 1, "end_line": 7}),
    ],
)
def test_what_is_plain_is_accepted(tool, given_values, meant):
    values, notes = read(tool, **given_values)
    assert values == {**NEEDED[tool], **meant}
    assert notes == []


def test_too_much_is_limited_and_said():
    values, notes = read("search", limit=500, max_tokens="999999")
    assert (values["limit"], values["max_tokens"]) == (50, 50_000)
    assert notes == ["limit is at most 50", "max_tokens is at most 50000"]


@pytest.mark.parametrize(
    ("tool", "given_values", "said"),
    [
        ("search", {"query": None}, "search needs the argument 'query'."),
        ("search", {"query": ""}, "query: it is empty; send a question, a name or an error"),
        ("search", {"query": {"text": "x"}}, 'query: send one text (got {"text": "x"}).'),
        ("search", {"query": ["a", "b"]}, 'query: send one text (got ["a", "b"]).'),
        ("search", {"query": True}, "query: send one text (got true)."),
        ("search", {"query": "x\0"}, "query: it holds a NUL character; send text."),
        ("search", {"query": "x" * 20_000}, "at most 10000 characters (got 20000)."),
        ("search", {"limit": "five"}, 'limit: send a whole number (got "five").'),
        ("search", {"limit": 2.5}, "limit: send a whole number (got 2.5)."),
        ("search", {"limit": True}, "limit: send a whole number (got true)."),
        ("search", {"limit": [3]}, "limit: send a whole number (got [3])."),
        ("search", {"limit": float("inf")}, "limit: send a whole number (got Infinity)."),
        ("search", {"limit": -1}, "limit: send 1 to 50 (got -1)."),
        ("search", {"limit": 0}, "limit: send 1 to 50 (got 0)."),
        ("search", {"max_tokens": 5}, "max_tokens: send 100 to 50000 (got 5)."),
        ("search", {"languages": 3}, "languages: send a list of texts"),
        ("search", {"languages": [3]}, "(got 3 in it)."),
        ("search", {"include": ["x"] * 101}, "include: send at most 100 items (got 101)."),
        ("search", {"mode": "vectors"}, "vector (got \"vectors\"); did you mean 'vector'?"),
        ("search", {"mode": "semantic"}, "mode: send one of hybrid, fts, vector"),
        ("search", {"top_k": 3}, "no argument \"top_k\"; did you mean 'limit'?"),
        ("search", {"langauges": []}, "did you mean 'languages'?"),
        ("search", {"verbose": True}, 'search has no argument "verbose".\nArguments: project'),
        ("search", {"Query": "y"}, 'search has no argument "Query"; did you mean'),
        ("grep", {"regex": "maybe"}, 'regex: send true or false (got "maybe").'),
        ("read", {"file_path": "b.py"}, "no argument \"file_path\"; did you mean 'path'?"),
        ("read", {"start_line": -3}, "start_line: send 1 or more (got -3)."),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(tool, given_values, said):
    with pytest.raises(InvalidInput) as caught:
        read(tool, **given_values)
    text = f"{caught.value.message}\n{caught.value.hint}"
    assert said in text
    assert "Arguments: " in text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.data())
def test_whatever_is_sent_is_read_or_refused(data):
    tool = data.draw(st.sampled_from(list(MODELS)))
    names = st.sampled_from([*MODELS[tool].model_fields, "other"])
    given_values = data.draw(st.dictionaries(names, JSON, max_size=4))
    try:
        arguments, _ = read_arguments(MODELS[tool], tool, given_values)
    except InvalidInput as error:
        assert error.message.endswith((".", "?"))
        assert len(error.message) < 5000
    else:
        assert isinstance(arguments, MODELS[tool])
