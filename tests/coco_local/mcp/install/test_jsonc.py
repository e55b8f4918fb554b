from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_local.mcp.install.jsonc import JsoncError, parse, remove_member, set_member

KEYS = ("mcpServers", "coco")
ENTRY = {"command": "/bin/coco", "args": ["mcp"]}

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
documents = st.dictionaries(st.text(), values, max_size=5)


def written(value: object, indent: object, *, ascii_only: bool) -> str:
    finite = json.dumps(value, indent=indent, ensure_ascii=ascii_only)  # type: ignore[arg-type]
    return finite.replace("Infinity", "0")


@pytest.mark.slow
@given(documents, st.sampled_from([None, 2, 4, "\t"]), st.booleans())
def test_reads_all_json(document, indent, ascii_only):
    text = written(document, indent, ascii_only=ascii_only)
    assert parse(text) == json.loads(text)


@pytest.mark.slow
@given(documents, st.sampled_from([None, 2, 4, "\t"]), st.sampled_from(["\n", "\r\n"]))
def test_setting_changes_the_member_and_nothing_else(document, indent, newline):
    document.pop("mcpServers", None)
    text = written(document, indent, ascii_only=False).replace("\n", newline)
    after = set_member(text, KEYS, ENTRY)
    assert parse(after) == {**json.loads(text), "mcpServers": {"coco": ENTRY}}
    assert set_member(after, KEYS, ENTRY) == after
    assert ("\r\n" in after) == ("\r\n" in text)
    gone = remove_member(after, KEYS)
    assert parse(gone) == {**json.loads(text), "mcpServers": {}}
    assert remove_member(gone, KEYS) == gone


@given(st.lists(st.sampled_from(["a", "b", "coco", "d"]), unique=True), st.booleans())
def test_removing_one_of_many_leaves_the_others(names, trailing):
    members = [f'  "{name}": {{"n": {n}}} // about {name}' for n, name in enumerate(names)]
    lines = [m.replace(" //", ", //") for m in members[:-1]] + members[-1:]
    if trailing and lines:
        lines[-1] = lines[-1].replace(" //", ", //")
    text = "{\n" + "\n".join(lines) + ("\n}" if lines else "}")
    after = remove_member(text, ("coco",))
    assert parse(after) == {name: {"n": n} for n, name in enumerate(names) if name != "coco"}
    for name in names:
        assert (f"// about {name}" in after) or name == "coco"


def test_comments_commas_and_layout_stay():
    text = """// my servers
{
    /* theme */ "theme": "dark",
    "context_servers": {
        // the other one
        "other": { "command": "x" }, // keep
    },
}
"""
    after = set_member(text, ("context_servers", "coco"), ENTRY)
    assert (
        after
        == """// my servers
{
    /* theme */ "theme": "dark",
    "context_servers": {
        // the other one
        "other": { "command": "x" }, // keep
        "coco": {
            "command": "/bin/coco",
            "args": [
                "mcp"
            ]
        }
    },
}
"""
    )


def test_a_comma_goes_before_the_comment_of_the_last_member():
    after = set_member('{\n  "a": 1 // one\n}\n', ("b",), 2)
    assert after == '{\n  "a": 1, // one\n  "b": 2\n}\n'


def test_a_one_line_object_is_opened():
    assert parse(set_member('{"a": 1}', ("b",), {"c": 2})) == {"a": 1, "b": {"c": 2}}


def test_an_old_entry_is_replaced_in_its_place():
    text = '{\n  "mcpServers": {\n    "coco": {"command": "old"},\n    "z": {}\n  }\n}\n'
    after = set_member(text, KEYS, {"command": "new"})
    assert after.index('"new"') < after.index('"z"')
    assert parse(after)["mcpServers"]["coco"] == {"command": "new"}


def test_of_two_members_with_one_name_none_stays():
    assert parse(remove_member('{"a": 1, "b": 2, "a": 3}', ("a",))) == {"b": 2}
    assert parse(set_member('{"a": 1, "a": 3}', ("a",), 4)) == {"a": 4}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1', "line 1, column 8: ',' or '}' is missing"),
        ("{\n  a: 1\n}", "line 2, column 3: a name in double quotes is missing"),
        ('{"a" 1}', "line 1, column 6: ':' is missing"),
        ('{"a": }', "line 1, column 7: a value is missing"),
        ('{"a": "x\n"}', "the string is not closed"),
        ('{"a": "\\x"}', "line 1, column 7"),
        ("{} x", "line 1, column 4: nothing may follow the value"),
        ("/* {", "the comment is not closed"),
        ("[" * 5000, "nested too deeply"),
        ("[1]", "the file holds [1], not an object"),
        ('{"mcpServers": 3}', "mcpServers holds 3, not an object"),
    ],
)
def test_broken_files_are_refused_with_the_place(text, said):
    with pytest.raises(JsoncError) as caught:
        set_member(text, KEYS, ENTRY)
    assert said in str(caught.value)


@given(st.text(alphabet='{}[]",:/*\\ \n\t01ae', max_size=40))
def test_any_text_is_edited_or_refused(text):
    try:
        after = set_member(text, KEYS, ENTRY)
    except JsoncError:
        return
    assert parse(after)["mcpServers"]["coco"] == ENTRY
