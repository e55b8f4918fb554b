from __future__ import annotations

import json

import pytest

from coco_core.errors import InvalidConfig
from coco_experiments import Expected, read_experiment, read_experiment_file, read_questions

# The example of docs/experiments.md.
EXAMPLE = """\
name: "chunking against embedding"
project_id: "p1"
indexing_strategies:
  - config_id: small_minilm
    chunking: { strategy_name: fixed_token, chunk_size: 256, chunk_overlap: 50 }
    embedding: { model_name: all-MiniLM-L6-v2 }
query_strategies:
  - query_config_id: pure_vector
    retrieval_config: { top_k: 5, hybrid_alpha: 1.0 }
  - query_config_id: hybrid
    retrieval_config: { top_k: 5, hybrid_alpha: 0.5 }
evaluation_set:              # inline
  - question_id: q1
    query: "how is the service started?"
    expected_doc_ids: ["doc1.md#section-2", {id: "doc5.md#setup", grade: 2}]
"""

HEAD = """\
name: x
path: .
indexing_strategies: [{config_id: a}]
query_strategies: [{query_config_id: q}]
"""


def nothing(name: str) -> str:
    raise FileNotFoundError(2, "No such file or directory", name)


def complaints(text: str, source: str = "e.yml", files: dict[str, str] | None = None) -> list[str]:
    def load(name: str) -> str:
        return files[name] if files and name in files else nothing(name)

    with pytest.raises(InvalidConfig) as caught:
        read_experiment(text, source, load)
    lines = caught.value.message.split("\n")
    details = caught.value.details
    where = f"{details['file']}:{details['line']}: "
    assert lines[0].startswith(f"{where}{details['field']}" if details["field"] else where)
    return lines


def changed(old: str, new: str) -> str:
    assert old in EXAMPLE
    return EXAMPLE.replace(old, new)


def test_the_example_of_the_specification() -> None:
    experiment = read_experiment(EXAMPLE, "experiment.yml", nothing)
    assert experiment.name == "chunking against embedding"
    assert experiment.project_id == "p1"
    assert experiment.indexes[0].chunking.chunk_overlap == 50
    assert [plan.intent("x").hybrid_alpha for plan in experiment.queries] == [1.0, 0.5]
    assert experiment.questions[0].expected == (
        Expected("doc1.md#section-2"),
        Expected("doc5.md#setup", 2.0),
    )


INDEX = "indexing_strategies[0]."
QUERY = "query_strategies[1].retrieval_config."
QUESTION = "evaluation_set[0]."


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "says"),
    [
        ("fixed_token,", "fixed_tokn,", 5, INDEX + "chunking.strategy_name", "ed_token'?"),
        ("chunk_size: 256", "chunk_size: big", 5, INDEX + "chunking.chunk_size", "whole"),
        ("chunk_size: 256", "chunk_size: 5", 5, INDEX + "chunking.chunk_size", "16 is the least"),
        ("overlap: 50", "overlap: 256", 5, INDEX + "chunking.chunk_overlap", "255"),
        ("all-MiniLM-L6-v2", "7", 6, INDEX + "embedding.model_name", "quotes"),
        ("embedding: {", "embeding: {", 6, INDEX + "embeding", "'embedding'?"),
        ("small_minilm", "a/b", 4, INDEX + "config_id", "letters"),
        (
            "query_config_id: hybrid",
            "query_config_id: pure_vector",
            10,
            "query_strategies[1].query_config_id",
            "line 8",
        ),
        (
            "query_config_id: hybrid",
            "query_config_id: a/b",
            10,
            "query_strategies[1].query_config_id",
            "'/'",
        ),
        ("hybrid_alpha: 0.5", "hybrid_alfa: 0.5", 11, QUERY + "hybrid_alfa", "'hybrid_alpha'?"),
        ("hybrid_alpha: 0.5", "hybrid_alpha: 2", 11, QUERY + "hybrid_alpha", "1.0 is the most"),
        ("hybrid_alpha: 0.5", "query: x", 11, QUERY + "query", "unknown"),
        ("hybrid_alpha: 0.5", "retrieval_mode: vectr", 11, QUERY + "retrieval_mode", "'vector'?"),
        ("hybrid_alpha: 0.5", "ranking: {profile: doc}", 11, QUERY + "ranking.profile", "'docs'?"),
        ("hybrid_alpha: 0.5", "filters: {kinds: [x]}", 11, QUERY + "filters.kinds", "'x'"),
        ("hybrid_alpha: 0.5", "filters: {tags: x}", 11, QUERY + "filters.tags", "a list"),
        ("hybrid_alpha: 0.5", "hybrid_alpha: x", 11, QUERY + "hybrid_alpha", "not a number"),
        (
            "hybrid_alpha: 0.5",
            "reranker: {rerank_top_n: 3}",
            11,
            QUERY + "reranker.model_name",
            "missing",
        ),
        (
            "{ top_k: 5, hybrid_alpha: 0.5 }",
            "[]",
            11,
            "query_strategies[1].retrieval_config",
            "mapping",
        ),
        ("question_id: q1", "question_id: 1", 13, QUESTION + "question_id", "quotes"),
        ('"how is the service started?"', '" "', 14, QUESTION + "query", "empty"),
        ("doc1.md#section-2", "#section-2", 15, QUESTION + "expected_doc_ids[0]", "no document"),
        ("doc1.md#section-2", "doc5.md:7-3", 15, QUESTION + "expected_doc_ids[0]", "upwards"),
        ("doc1.md#section-2", "doc5.md:0", 15, QUESTION + "expected_doc_ids[0]", "first line is 1"),
        ("doc1.md#section-2", "./a.md", 15, QUESTION + "expected_doc_ids[0]", "write 'a.md'"),
        ("doc1.md#section-2", "a.md ", 15, QUESTION + "expected_doc_ids[0]", "white space"),
        ("doc1.md#section-2", "doc5.md#setup", 15, QUESTION + "expected_doc_ids[1]", "twice"),
        ("grade: 2", "grade: 0", 15, QUESTION + "expected_doc_ids[1].grade", "above 0"),
        ("grade: 2", "grade: .nan", 15, QUESTION + "expected_doc_ids[1].grade", "finite"),
        ("grade: 2", "grad: 2", 15, QUESTION + "expected_doc_ids[1].grad", "'grade'?"),
        ('project_id: "p1"\n', "", 1, "", "project_id"),
        ("evaluation_set:", "path: .\nevaluation_set:", 12, "path", "one of them"),
        ('name: "', 'nam: x\nname: "', 1, "nam", "'name'?"),
        ('name: "', 'seed: -1\nname: "', 1, "seed", "least"),
        ('name: "', 'k: 0\nname: "', 1, "k", "1 is the least"),
        ('name: "', 'k: true\nname: "', 1, "k", "true is not a whole number"),
        ('name: "', 'name: x\nname: "', 2, "name", "line 1"),
        ('name: "', 'seed: !!int x\nname: "', 1, "seed", "not a value"),
        ('name: "', 'seed: !!python/name:os.system\nname: "', 1, "seed", "not a value"),
    ],
)
def test_one_mistake(old: str, new: str, line: int, field: str, says: str) -> None:
    (found,) = complaints(changed(old, new))
    assert found.startswith(f"e.yml:{line}: {field}{': ' if field else ''}")
    assert says in found


def test_several_mistakes_are_told_together_from_the_top() -> None:
    text = changed("fixed_token,", "fix,").replace("top_k: 5, hybrid_alpha: 1.0", "top_k: many")
    lines = complaints(text.replace("query: ", "qury: "))
    assert [line.split(": ")[0] for line in lines] == ["e.yml:5", "e.yml:9", "e.yml:13", "e.yml:14"]


@pytest.mark.parametrize("empty", ["indexing_strategies", "query_strategies", "evaluation_set"])
@pytest.mark.parametrize(("value", "says"), [("[]", "is empty"), ("3", "3 is not a list")])
def test_lists_must_hold_something(empty: str, value: str, says: str) -> None:
    lists = {
        "indexing_strategies": "[{config_id: a}]",
        "query_strategies": "[{query_config_id: q}]",
        "evaluation_set": "[{question_id: a, query: b, expected_doc_ids: [c]}]",
    }
    lists[empty] = value
    text = "name: x\npath: .\n" + "".join(f"{name}: {each}\n" for name, each in lists.items())
    line = 3 + list(lists).index(empty)
    assert complaints(text) == [f"e.yml:{line}: {empty}: {says}{_rest(says)}"]


def _rest(says: str) -> str:
    return "; at least one is needed." if "empty" in says else "."


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "empty"),
        ("- a", 1, "a list"),
        ("name: [1,\nx: 2", 2, "not valid YAML"),
        ("name: x\n\tpath: y", 2, "not valid YAML"),
        ("name: a\npath: \x01", 2, "U+0001"),
        ("name: *other", 1, "alias"),
        ("a: 1\n---\nb: 2", 2, "document"),
        ("a: &a\n  b: *a", 2, "contains itself"),
        ("? [1]\n: 2", 1, "not a text"),
        ("[" * 5000, 1, "deep"),
    ],
)
def test_texts_that_are_no_yaml(text: str, line: int, says: str) -> None:
    (found,) = complaints(text)
    assert found.startswith(f"e.yml:{line}: ")
    assert says in found


def test_aliases_and_dates_are_read_as_people_mean_them() -> None:
    text = EXAMPLE.replace("embedding: {", "embedding: &model {").replace(
        "query_strategies",
        "  - config_id: other\n    embedding: *model\nquery_strategies",
    )
    experiment = read_experiment(
        text.replace("question_id: q1", "question_id: 2026-11-21"), "e", nothing
    )
    assert experiment.indexes[1].embedding == experiment.indexes[0].embedding
    assert experiment.questions[0].question_id == "2026-11-21"


LINES = [
    {"question_id": "q1", "query": "smile \U0001f600\u2028", "expected_doc_ids": ["a.md:3-9"]},
    {"question_id": "q2", "query": "b", "expected_doc_ids": ["b.md"], "tags": ["x"]},
]


def as_lines() -> str:
    first, second = (json.dumps(each, ensure_ascii=False) for each in LINES)
    return f"# proposed, to be edited\n{first}\n\n{second}\n"


@pytest.mark.parametrize("field", ["evaluation_set: {{file: {}}}", "evaluation_set_file: {}"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("q.jsonl", as_lines()),
        ("q.json", json.dumps(LINES, indent="\t")),
        ("q.yml", json.dumps(LINES, ensure_ascii=False)),
    ],
)
def test_questions_from_a_file(field: str, name: str, text: str) -> None:
    spec = HEAD + field.format(name)
    experiment = read_experiment(spec, "e.yml", {name: text}.__getitem__)
    assert [each.to_dict() for each in experiment.questions] == LINES
    assert read_questions(text, name) == experiment.questions


def test_mistakes_in_a_question_file_name_that_file() -> None:
    text = as_lines() + '{"question_id": "q1", "qury": "x", "expected_doc_ids": []}\n'
    lines = complaints(HEAD + "seeds: 1\nevaluation_set: {file: q.jsonl}", files={"q.jsonl": text})
    assert lines[0].startswith("e.yml:5: seeds: ")
    assert [line.split(": ")[:2] for line in lines[1:]] == [
        ["q.jsonl:5", "[2].question_id"],
        ["q.jsonl:5", "[2].query"],
        ["q.jsonl:5", "[2].expected_doc_ids"],
        ["q.jsonl:5", "[2].qury"],
    ]
    assert "First in line 2." in lines[1]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("q.jsonl", '{"a": 1}\n{"a": ]}', "q.jsonl:2: not valid JSON: "),
        ("q.jsonl", '{"a": NaN}', "q.jsonl:1: NaN"),
        ("q.jsonl", '\n{"a": 1, "a": 2}', "q.jsonl:2: 'a' stands twice"),
        ("q.json", "[\n{\n]", "q.json:3: not valid JSON: "),
        ("q.json", '[\n{"query": "a",\n"query": "b"}]', "q.json:3: [0].query: stands twice"),
        ("q.json", '[\n\t{"question_id": ""}]', "q.json:2: [0].question_id: is empty."),
        ("q.yml", "- question_id: ''", "q.yml:1: [0].question_id: is empty."),
        ("q.yml", "a: 1", "q.yml:1: a mapping is not a list"),
        ("q.jsonl", "# nothing\n", "q.jsonl:1: is empty; at least one is needed."),
        ("other", "", "e.yml:5: evaluation_set.file: 'q.jsonl' cannot be read: No such file"),
    ],
)
def test_question_files_that_cannot_be_read(name: str, text: str, found: str) -> None:
    wanted = name if name != "other" else "q.jsonl"
    lines = complaints(HEAD + f"evaluation_set: {{file: {wanted}}}", files={name: text})
    assert any(line.startswith(found) for line in lines)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("evaluation_set: {fil: x}", "evaluation_set.fil: unknown field. Did you mean 'file'?"),
        ("evaluation_set: {file: 3}", "evaluation_set.file: 3 is not the name"),
        ("evaluation_set: []\nevaluation_set_file: q", "evaluation_set_file: is given beside"),
        ("k: 1", "evaluation_set: is missing"),
    ],
)
def test_where_the_questions_are_must_be_clear(text: str, found: str) -> None:
    assert any(found in line for line in complaints(HEAD + text, files={"q": "[]"}))


def test_anchors_of_missing_documents_are_found() -> None:
    def load(_: str) -> str:
        return as_lines()

    inline = read_experiment_file(EXAMPLE, "e.yml", nothing)
    inline.refuse_missing({"doc1.md", "doc5.md"})
    with pytest.raises(InvalidConfig, match=r"there is no document 'doc5\.md'") as caught:
        inline.refuse_missing({"doc1.md", "doc55.md"})
    assert caught.value.message.startswith("e.yml:15: evaluation_set[0].expected_doc_ids[1]: ")
    assert "Did you mean 'doc55.md'?" in caught.value.message
    with pytest.raises(InvalidConfig, match=r"Did you mean 'docs/doc5\.md'\?"):
        inline.refuse_missing({"doc1.md", "doc55.md", "docs/doc5.md"})
    file = read_experiment_file(HEAD + "evaluation_set_file: q.jsonl", "e.yml", load)
    with pytest.raises(InvalidConfig) as caught:
        file.refuse_missing({"a.md"})
    assert caught.value.details["file"] == "q.jsonl"
    assert caught.value.details["line"] == 4
    assert caught.value.details["field"] == "[1].expected_doc_ids[0]"


def test_anchors_of_lines_are_found_for_a_product_without() -> None:
    read_experiment_file(EXAMPLE, "e.yml", nothing).refuse_lines()
    file = read_experiment_file(
        HEAD + "evaluation_set_file: q.jsonl", "e.yml", lambda _: as_lines()
    )
    with pytest.raises(InvalidConfig, match=r"'a\.md:3-9' names lines") as caught:
        file.refuse_lines()
    assert (caught.value.details["file"], caught.value.details["line"]) == ("q.jsonl", 2)
