"""What a kill leaves behind is read up to its last whole line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coco_core.errors import InvalidConfig, Unreadable
from coco_experiments.journal import Journal, journal_path
from coco_experiments.results import AnswerRecord, HitRecord, IndexResult, Results
from coco_experiments.results_file import read_results, write_results
from tests.experiment_parts import TARGET, experiment

HIT = HitRecord("a.md", 1, 2, "", "über", ("Über",), ("A.b",), 0.5, "Text \udcff")
INDEX = IndexResult("sections", "f", 3, 9, 0.5, 100, 3, 0, 9, 0)


def begun() -> Results:
    return Results(experiment(), TARGET, 1.5, None, (), ())


def answer(question: str, query: str = "keywords", index: str = "sections") -> AnswerRecord:
    return AnswerRecord(index, query, question, 1.25, {"total": 1.0}, (HIT,))


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "r.journal"
    journal = Journal.begin(path, begun())
    journal.add_index(INDEX)
    journal.add_answer(answer("q1"))
    journal.add_answer(answer("q2"))
    # Neither closed nor finished: as after a kill.
    resumed = Journal.resume(path, begun())
    assert resumed is not None
    assert resumed.indexes == {"sections": INDEX}
    assert list(resumed.answers.values()) == [answer("q1"), answer("q2")]
    journal.close()
    resumed.close()


@pytest.mark.parametrize("torn", [b'{"answer": {"index_id"', b"\xff\xfe", b"{"])
def test_a_torn_last_line_is_dropped(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "r.journal"
    journal = Journal.begin(path, begun())
    journal.add_answer(answer("q1"))
    journal.close()
    with path.open("ab") as file:
        file.write(torn)
    resumed = Journal.resume(path, begun())
    assert resumed is not None
    resumed.add_answer(answer("q2"))
    resumed.close()
    again = Journal.resume(path, begun())
    assert again is not None
    assert [key[2] for key in again.answers] == ["q1", "q2"]
    again.close()


def test_a_journal_torn_in_its_first_line_is_none(tmp_path: Path) -> None:
    path = tmp_path / "r.journal"
    path.write_bytes(b'{"begin": {"form')
    assert Journal.resume(path, begun()) is None
    Journal.begin(path, begun()).close()


def test_a_line_that_is_no_entry_is_told_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "r.journal"
    journal = Journal.begin(path, begun())
    journal.add_index(INDEX)
    journal.close()
    with path.open("ab") as file:
        file.write(b'{"what": 1}\n')
    with pytest.raises(Unreadable, match=r"Line 3 .*'what'"):
        Journal.resume(path, begun())


def test_the_results_are_in_the_experiments_order_and_the_journal_goes(tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    journal = Journal.begin(journal_path(out), begun())
    journal.add_index(INDEX)
    for index, question in (("windows", "q1"), ("sections", "q3"), ("sections", "q1")):
        journal.add_answer(answer(question, index=index))
    results = journal.finish(out, 9.0)
    assert [(a.index_id, a.question_id) for a in results.answers] == [
        ("sections", "q1"), ("sections", "q3"), ("windows", "q1")
    ]  # fmt: skip
    assert read_results(out) == results
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_a_place_that_takes_no_file_is_told(tmp_path: Path) -> None:
    out = tmp_path / "none" / "results.json"
    with pytest.raises(Unreadable, match="--out"):
        Journal.begin(journal_path(out), begun())
    with pytest.raises(Unreadable, match="cannot be written"):
        write_results(out, begun())


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "holds no results"),
        (b"[]", "no JSON object"),
        (b'{"format": 2}', "format"),
        (b"\xff", "holds no results"),
    ],
)
def test_what_is_no_results_file_is_told_by_name(
    tmp_path: Path, content: bytes, error: str
) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(content)
    with pytest.raises((Unreadable, InvalidConfig), match=error) as raised:
        read_results(path)
    assert str(path) in str(raised.value)


def test_a_missing_file_and_a_wrong_field_are_told(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="coco experiment run"):
        read_results(tmp_path / "none.json")
    path = tmp_path / "r.json"
    write_results(path, begun())
    data = json.loads(path.read_text(encoding="utf-8"))
    data["target"]["product"] = "cloud"
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InvalidConfig, match=r"target\.product"):
        read_results(path)
