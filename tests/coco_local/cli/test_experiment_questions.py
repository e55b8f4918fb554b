"""`coco experiment questions`: a set to edit, in the form that an experiment reads."""

from __future__ import annotations

import pytest

from coco_core.anchors import parse_anchor
from coco_experiments.reading import read_questions


def test_json_lines_are_printed_and_can_be_read(coco, project) -> None:
    result = coco("experiment", "questions", project)
    assert result.code == 0
    assert result.out.startswith("# Proposed by CoCo")
    questions = read_questions(result.out, "questions.jsonl")
    assert questions
    files = {parse_anchor(each.expected[0].anchor).doc_id for each in questions}
    assert all((project / name).is_file() for name in files)
    kinds = {tag for each in questions for tag in each.tags}
    assert kinds == {"docstring", "heading", "symbol"}
    assert f"{len(questions)} questions from" in result.err
    for kind in kinds:
        assert f"{sum(kind in each.tags for each in questions)} {kind}" in result.err
    assert "read and edit them" in result.err


def test_nothing_is_registered_and_no_service_is_needed(coco, project) -> None:
    assert coco("experiment", "questions", project).code == 0
    assert coco("projects").code == 3


@pytest.mark.parametrize("name", ["set.jsonl", "set.yml", "set.json"])
def test_every_format_can_be_read_back(coco, project, tmp_path, name) -> None:
    printed = read_questions(coco("experiment", "questions", project).out, "questions.jsonl")
    out = tmp_path / name
    result = coco("experiment", "questions", project, "--out", out)
    assert result.out == ""
    text = out.read_text(encoding="utf-8")
    assert read_questions(text, name) == printed
    assert text.startswith("[" if name == "set.json" else "# Proposed by CoCo")


def test_what_somebody_may_have_edited_is_not_written_over(coco, project, tmp_path) -> None:
    out = tmp_path / "set.jsonl"
    out.write_text("mine", encoding="utf-8")
    result = coco("experiment", "questions", project, "--out", out)
    assert result.code == 1
    assert "exists and may have been edited" in result.err
    assert out.read_text(encoding="utf-8") == "mine"
    nowhere = coco("experiment", "questions", project, "--out", tmp_path / "none" / "set.jsonl")
    assert "cannot be written" in nowhere.err


def test_the_same_seed_gives_the_same_and_another_may_not(coco, project) -> None:
    few = ("experiment", "questions", project, "--limit", "3")
    first = coco(*few).out
    assert coco(*few).out == first
    assert len(read_questions(first, "q.jsonl")) == 3
    assert any(coco(*few, "--seed", str(seed)).out != first for seed in range(1, 6))


def test_only_the_kinds_that_are_wanted(coco, project) -> None:
    data = coco(
        "experiment", "questions", project, "--kind", "symbol", "--kind", "heading", "--json"
    ).data
    assert set(data["kinds"]) == {"symbol", "heading"}
    assert {tag for each in data["questions"] for tag in each["tags"]} == {"symbol", "heading"}
    assert data["files"] > 1
    wrong = coco("experiment", "questions", project, "--kind", "symbols")
    assert wrong.code == 1
    assert "--kind is 'symbols'" in wrong.err


def test_only_what_local_mode_would_index_is_read(coco, tmp_path) -> None:
    root = tmp_path / "project"
    (root / "docs").mkdir(parents=True)
    (root / ".gitignore").write_text("secret.md\n", encoding="utf-8")
    text = "# Deploying\n\nPush the built image to the registry and restart all workers.\n"
    for name in ("docs/public.md", "secret.md"):
        (root / name).write_text(text.replace("image", name[0]), encoding="utf-8")
    (root / "docs" / "binary.md").write_bytes(b"\0\1\2" * 100)
    result = coco("experiment", "questions", root)
    assert result.code == 0
    assert "docs/public.md#deploying" in result.out
    assert "secret" not in result.out
    assert "1 of them are no text" in result.err


def test_a_directory_without_anything_to_ask_for(coco, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    result = coco("experiment", "questions", tmp_path / "empty")
    assert result.code == 1
    assert "gives a question (0 files)" in result.err
    assert coco("experiment", "questions", tmp_path / "none").code == 1
