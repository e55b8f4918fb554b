from __future__ import annotations

from coco_core.languages.queries import patterns
from coco_core.wasm.fit import derived_query, fitted_query

NODES = [
    "source_file", "identifier", "function_definition", "class_declaration", "record", "method",
    "class_body", "block", "line_comment", "comment", "call_expression", "type_identifier",
]  # fmt: skip


def has_names(query: str) -> bool:
    """A grammar whose definitions have a field ``name``, but for methods."""
    return "name: (_)" in query and "(method" not in query


def test_a_query_is_derived_from_telling_names() -> None:
    assert derived_query(NODES, has_names).splitlines() == [
        "(function_definition name: (_) @name) @definition.function",
        "(class_declaration name: (_) @name) @definition.class",
        "(class_body) @body",
        "(block) @body",
        "(line_comment) @lead",
        "(comment) @lead",
    ]


def test_other_places_of_a_name_are_tried() -> None:
    found = derived_query(["method", "type_identifier"], lambda query: "type_identifier" in query)
    assert found == "(method . (type_identifier) @name) @definition.method\n"


def test_nothing_telling_gives_nothing() -> None:
    assert derived_query(["source_file", "word"], lambda query: True) == ""


def test_what_does_not_fit_is_left_out() -> None:
    query = (
        "; comment (with brackets)\n"
        '(a name: (_) @name (#eq? @name "(")) @definition.function\n'
        "(gone) @body\n"
        "[(b) (c)] @body\n"
    )
    assert patterns(query)[1:] == ["(gone) @body", "[(b) (c)] @body"]
    fitted = fitted_query(query, lambda text: "gone" not in text)
    assert fitted is not None
    assert "gone" not in fitted
    assert '(#eq? @name "(")' in fitted
    assert fitted_query(query, lambda text: True) == query
    assert fitted_query(query, lambda text: "@name" not in text) is None
