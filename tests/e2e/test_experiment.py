"""`coco experiment` against a real daemon: run, share, compare by the journal, adopt, go back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from coco_experiments.results_file import read_results
from coco_protocol.docs import DocumentRequest, QueryRequest
from coco_protocol.projects import ProjectRequest
from tests.daemon_process import Daemon, running_daemon
from tests.experiment_parts import write_pages, write_spec

Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("experiment")
    write_pages(place / "site" / "pages")
    (place / "site" / "app.py").write_text("def serve():\n    return 4000\n", encoding="utf-8")
    write_spec(place / "experiment.yml", path="site/pages")
    return place


@pytest.fixture(scope="module")
def site(place: Path) -> Iterator[Daemon]:
    """A daemon without a model, with a project around the documentation."""
    with running_daemon(place / "home", place / "site") as daemon:
        daemon.wait_indexed()
        yield daemon


def run(site: Daemon, place: Path, *arguments: str) -> Done:
    return site.coco("experiment", "run", "experiment.yml", *arguments, cwd=place)


@pytest.fixture(scope="module")
def first(site: Daemon, place: Path) -> Done:
    return run(site, place, "--out", "first.json")


def test_a_run_builds_asks_and_prints_the_table(first: Done, site: Daemon, place: Path) -> None:
    assert first.returncode == 0, first.stderr
    heads, *rows = [line.split() for line in first.stdout.splitlines()]
    assert heads[0] == "STRATEGY" and "NDCG@3" in heads
    assert [row[0] for row in rows] == [
        "sections/keywords", "sections/hybrid", "windows/keywords", "windows/hybrid"
    ]  # fmt: skip
    results = read_results(place / "first.json")
    assert len(results.answers) == 12 and not any(a.error for a in results.answers)
    sections, windows = results.indexes
    assert (sections.documents, sections.parsed, sections.embedded) == (3, 3, sections.chunks)
    assert windows.parsed == 3 and windows.bytes
    by_question = {a.question_id: a for a in results.answers if a.query_id == "keywords"}
    assert by_question["q1"].hits[0].doc_id == "guide.md"
    sections_q2 = results.answers[1]
    assert sections_q2.hits[0].fragment == "where-are-backups-kept"
    assert not list(place.glob("first.json.*"))


def test_the_project_around_it_keeps_its_files(first: Done, site: Daemon) -> None:
    with site.client as client:
        projects = {p.name: p for p in client.projects().projects}
        pages = ProjectRequest(project_id=projects["pages"].project_id)
        assert projects["pages"].standalone
        guide = DocumentRequest(doc_id="pages/guide.md", project_id=projects["site"].project_id)
        assert client.outline(guide).symbols
        # Registered as its first strategy says: no index is built that nobody asks.
        indexes = client.indexes(pages).indexes
        assert {each.config_id for each in indexes} == {"sections", "windows"}


def test_a_second_run_repeats_no_work(first: Done, site: Daemon, place: Path) -> None:
    again = run(site, place, "--out", "second.json", "--json")
    assert again.returncode == 0, again.stderr
    summary = json.loads(again.stdout)["data"]
    assert [each["seconds"] for each in summary["indexes"]] == [None, None]
    one, two = read_results(place / "first.json"), read_results(place / "second.json")
    assert [a.hits for a in one.answers] == [a.hits for a in two.answers]
    assert {each["errors"] for each in summary["strategies"]} == {0}
    assert summary["strategies"][0]["recall"] == 1.0


def test_what_is_adopted_answers_until_it_is_taken_back(
    first: Done, site: Daemon, place: Path
) -> None:
    def adopt(*arguments: str) -> Done:
        return site.coco("experiment", "adopt", "first.json", *arguments, cwd=place)

    project_id = read_results(place / "first.json").target.project_id
    done = adopt("--index", "windows", "--query", "keywords")
    assert done.returncode == 0, done.stderr
    assert "windows" in done.stdout and '"top_k": 3' in done.stdout
    back = next(line for line in done.stderr.splitlines() if line.startswith("back: "))
    with site.client as client:
        request = QueryRequest(query="backups", project_id=project_id)
        answer = client.query(request)
        meta = answer.meta
        assert (meta.indexing_config_id, meta.query_config_id) == ("windows", "keywords")
        assert len(answer.data.results) <= 3
        # An experiment says everything itself, so that what was adopted changes nothing.
        assert run(site, place, "--out", "third.json").returncode == 0
        one, two = read_results(place / "first.json"), read_results(place / "third.json")
        assert [a.hits for a in one.answers] == [a.hits for a in two.answers]

        words = back.removeprefix("back: coco experiment adopt first.json ").split()
        assert words[:3] == ["--index", "sections", "--no-query"]
        undone = adopt(*words)
        assert undone.returncode == 0, undone.stderr
        meta = client.query(request).meta
        assert (meta.indexing_config_id, meta.query_config_id) == ("sections", None)


def test_an_unknown_strategy_is_told_with_the_known_ones(
    first: Done, site: Daemon, place: Path
) -> None:
    done = site.coco("experiment", "adopt", "first.json", "--index", "windoes", cwd=place)
    assert done.returncode == 1
    assert "Did you mean 'windows'?" in done.stderr


def test_vectors_that_never_come_are_not_waited_for(site: Daemon, place: Path) -> None:
    indexes = [{"config_id": "deep", "embedding": {"model_name": "all-MiniLM-L6-v2"}}]
    write_spec(place / "deep.yml", path="site/pages", indexing_strategies=indexes)
    done = site.coco("experiment", "run", "deep.yml", "--out", "deep.json", cwd=place)
    assert done.returncode == 1
    assert "'deep' gets no vectors" in done.stderr and "coco setup" in done.stderr
    assert not list(place.glob("deep.json*"))
    # Keywords need none.
    words = [{"query_config_id": "words", "retrieval_config": {"retrieval_mode": "fts"}}]
    write_spec(
        place / "deep.yml", path="site/pages", indexing_strategies=indexes, query_strategies=words
    )
    done = site.coco("experiment", "run", "deep.yml", "--out", "deep.json", cwd=place)
    assert done.returncode == 0, done.stderr
