"""The comparison with peers: its conversation with a driver, and how answers are counted."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bench.peers.measure import by_file
from bench.peers.memory import TreePeak, processor_seconds
from bench.peers.peer import Driver
from bench.retrieval.codesearch import ndcg_of_places
from coco_local.search.ripgrep import ripgrep_path


def test_ripgrep_ranks_files_by_distinct_words(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (root / "both.py").write_text("def parse_config(): ...\n", encoding="utf-8")
    (root / "one.py").write_text("config\n" * 9, encoding="utf-8")
    (root / "none.py").write_text("nothing\n", encoding="utf-8")
    driver = Driver("ripgrep", Path(sys.executable), (ripgrep_path(),))
    with driver.running(tmp_path / "log") as peer:
        peer.begin(root)
        places = peer.ask("how does it PARSE the config?", 10)
        assert peer.disk_bytes() == 0
    assert places == [("both.py", None, None), ("one.py", None, None)]


def test_a_driver_that_fails_says_why(tmp_path: Path) -> None:
    driver = Driver("ripgrep", Path(sys.executable), (str(tmp_path / "absent"),))
    with (
        pytest.raises(RuntimeError, match="FileNotFoundError"),
        driver.running(tmp_path / "log") as peer,
    ):
        peer.begin(tmp_path)
        peer.ask("anything", 10)


def test_by_file_keeps_the_first_place_of_each_file_in_order() -> None:
    places = [("a", 1, 2), ("b", 1, 2), ("a", 3, 4), ("c", 1, 1), ("b", 5, 6)]
    assert by_file(places) == [("a", 1, 2), ("b", 1, 2), ("c", 1, 1)]


def test_a_whole_file_meets_a_target_inside_it_and_other_lines_do_not() -> None:
    target = ("src/a.py", 10, 20)
    assert ndcg_of_places([("a.py", None, None)], [target]) == 1.0
    assert ndcg_of_places([("a.py", 20, 30)], [target]) == 1.0
    assert ndcg_of_places([("a.py", 21, 30)], [target]) == 0.0


def test_memory_and_time_are_those_of_a_process_that_runs() -> None:
    with TreePeak(os.getpid()) as peak:
        pass
    assert peak.mib > 1
    assert processor_seconds(os.getpid()) > 0
