"""`coco experiment` where it says no, and how it shows an index; runs are in tests/e2e."""

from __future__ import annotations

import json

import pytest

from coco_experiments.results import IndexResult
from coco_local.cli.experiment_progress import index_line
from tests.experiment_parts import write_pages, write_spec


@pytest.fixture
def spec(tmp_path, monkeypatch):
    write_pages(tmp_path / "pages")
    monkeypatch.chdir(tmp_path)
    return write_spec(tmp_path / "experiment.yml")


def test_a_mistake_is_told_with_file_line_and_field(coco, spec) -> None:
    text = spec.read_text(encoding="utf-8").replace('"markdown_header"', '"markdown_heder"')
    spec.write_text(text, encoding="utf-8")
    line = next(n for n, each in enumerate(text.splitlines(), 1) if "markdown_heder" in each)
    result = coco("experiment", "run", spec)
    assert result.code == 1
    assert f"{spec}:{line}: indexing_strategies[0].chunking.strategy_name: " in result.err
    assert "markdown_header" in result.err


def test_a_document_that_does_not_exist_is_told_before_a_server_is_asked(
    coco, spec, monkeypatch
) -> None:
    text = spec.read_text(encoding="utf-8").replace("tuning.md", "tunning.md")
    spec.write_text(text, encoding="utf-8")
    monkeypatch.setenv("COCO_KEY", "k")
    monkeypatch.setenv("COCO_ORG", "o")
    result = coco("experiment", "run", spec, "--server", "http://127.0.0.1:9")
    assert result.code == 1
    assert "evaluation_set[2].expected_doc_ids[0]" in result.err
    assert "'tuning.md'" in result.err


def test_a_missing_file_and_a_missing_question_file_are_told(coco, spec, tmp_path) -> None:
    assert "cannot be read" in coco("experiment", "run", tmp_path / "none.yml").err
    write_spec(spec, evaluation_set={"file": "none.jsonl"})
    result = coco("experiment", "run", spec)
    assert result.code == 1
    assert "none.jsonl" in result.err


def test_a_path_that_is_no_directory_is_told(coco, running, spec) -> None:
    write_spec(spec, path="pages/guide.md")
    result = coco("experiment", "run", spec)
    assert result.code == 1
    assert "is not a directory" in result.err


def test_without_a_service_nothing_is_left_behind(coco, spec, tmp_path) -> None:
    result = coco("experiment", "run", spec, "--json")
    assert result.code == 3
    assert result.error["code"] == "daemon_not_running"
    assert not list(tmp_path.glob("results*"))


def test_a_server_needs_keys(coco, spec) -> None:
    result = coco("experiment", "run", spec, "--server", "http://127.0.0.1:9")
    assert result.code == 1
    assert "COCO_KEY" in result.err


def test_adopting_nothing_or_both_is_refused(coco, tmp_path) -> None:
    assert "--index" in coco("experiment", "adopt", tmp_path / "r.json").err
    both = coco("experiment", "adopt", tmp_path / "r.json", "--query", "q", "--no-query")
    assert "exclude each other" in both.err
    (tmp_path / "r.json").write_text(json.dumps({"format": 1}), encoding="utf-8")
    broken = coco("experiment", "adopt", tmp_path / "r.json", "--query", "q")
    assert broken.code == 1
    assert "experiment" in broken.err


def test_an_index_is_told_with_the_work_that_it_took() -> None:
    made = IndexResult("a", "f", 1, 2000, 61.0, 100, 1, 0, 1990, 10)
    assert index_line(made) == (
        "index a: 1 document, 2,000 chunks; built in 1 min 1 s "
        "(1 parsed, 0 copied, 1,990 embedded, 10 reused)"
    )
    there = IndexResult("a", "f", 2, 1, None, 3_400_000)
    assert index_line(there) == "index a: 2 documents, 1 chunk, 3.4 MB; was there"
