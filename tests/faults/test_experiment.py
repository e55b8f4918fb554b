"""An experiment that is killed or interrupted goes on where it was, and asks nothing twice."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from coco_experiments.journal import journal_path
from coco_experiments.results_file import read_results
from tests.daemon_process import PATIENCE, Daemon, running_daemon, wait_for
from tests.experiment_parts import QUESTIONS, write_pages, write_spec
from tests.programs import begun

# Enough that a kill falls among them.
_REPEATS = 12


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("experiment")
    write_pages(place / "pages")
    questions = [
        {**each, "question_id": f"{each['question_id']}-{number}"}
        for number in range(_REPEATS)
        for each in QUESTIONS
    ]
    write_spec(place / "experiment.yml", evaluation_set=questions)
    return place


@pytest.fixture(scope="module")
def daemon(place: Path) -> Iterator[Daemon]:
    with running_daemon(place / "home") as running:
        yield running


def running(daemon: Daemon, place: Path, out: Path) -> subprocess.Popen[str]:
    words = ("experiment", "run", "experiment.yml", "--out", str(out), "--json")
    return begun(*words, env=daemon.env, cwd=place)


def answers(out: Path) -> list[dict[str, object]]:
    """Return the answers of a journal's whole lines."""
    path = journal_path(out)
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    entries = [json.loads(line) for line in lines]
    return [entry["answer"] for entry in entries if "answer" in entry]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_resume_goes_on_where_it_was(daemon: Daemon, place: Path, how: signal.Signals) -> None:
    out = place / f"{how.name}.json"
    process = running(daemon, place, out)
    with process:
        wait_for(lambda: len(answers(out)) >= 5, "the first answers")
        process.send_signal(how)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == (130 if how == signal.SIGINT else -how)
    before = answers(out)
    assert not out.exists() and 5 <= len(before) < 4 * 3 * _REPEATS
    if how == signal.SIGINT:
        assert "--resume" in said and "Traceback" not in said

    refused = daemon.coco("experiment", "run", "experiment.yml", "--out", str(out), cwd=place)
    assert refused.returncode == 1 and "--resume" in refused.stderr
    done = daemon.coco(
        "experiment", "run", "experiment.yml", "--out", str(out), "--resume", cwd=place
    )
    assert done.returncode == 0, done.stderr
    rest = 4 * 3 * _REPEATS - len(before)
    assert f"{len(before)} answers were there; {rest} questions are asked." in done.stderr
    results = read_results(out)
    assert len(results.answers) == 4 * 3 * _REPEATS
    # Each answer that was there is the same one, down to the time that it took.
    by_key = {(a.index_id, a.query_id, a.question_id): a for a in results.answers}
    for each in before:
        kept = by_key[str(each["index_id"]), str(each["query_id"]), str(each["question_id"])]
        assert kept.milliseconds == each["milliseconds"]
    assert not journal_path(out).exists()


def test_a_daemon_that_dies_leaves_what_was_asked(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    with running_daemon(tmp_path / "home") as daemon:
        with running(daemon, place, out) as process:
            wait_for(lambda: len(answers(out)) >= 5, "the first answers")
            daemon.stop(signal.SIGKILL)
            _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 3, said
        assert len(answers(out)) >= 5
        daemon.start()
        done = daemon.coco(
            "experiment", "run", "experiment.yml", "--out", str(out), "--resume", cwd=place
        )
        assert done.returncode == 0, done.stderr
    results = read_results(out)
    assert len(results.answers) == 4 * 3 * _REPEATS
    # The question that the daemon took with it was asked again.
    assert not any(each.error for each in results.answers)
