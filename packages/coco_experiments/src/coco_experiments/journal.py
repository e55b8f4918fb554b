"""Experiment journal: appends every answer, so that an interrupted run can resume."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, TypeAlias

from coco_core.errors import Conflict, Unreadable
from coco_experiments.results import AnswerRecord, IndexResult, Results
from coco_experiments.results_file import unwritable, write_results, write_whole
from coco_experiments.spec import Experiment
from coco_experiments.validation import plain

__all__ = ["AnswerKey", "Journal", "answer_key", "journal_path"]

AnswerKey: TypeAlias = tuple[str, str, str]
"""Index, query strategy and question."""


def journal_path(out: Path) -> Path:
    """Return where the journal of a results file stands."""
    return out.with_name(f"{out.name}.journal")


class Journal:
    """An open journal: its first line says what runs, each other line one index or answer."""

    def __init__(self, path: Path, started: Results) -> None:
        """Write a journal that holds ``started``, in one step; `begin` and `resume` check first."""
        self.path = path
        self._started = replace(started, indexes=(), answers=())
        self.indexes = {each.config_id: each for each in started.indexes}
        self.answers = {answer_key(each): each for each in started.answers}
        entries = [
            {"begin": self._started.to_dict()},
            *({"index": plain(index)} for index in started.indexes),
            *({"answer": plain(answer)} for answer in started.answers),
        ]
        write_whole(path, b"".join(_line(entry) for entry in entries))
        try:
            # Closed by `close` and `finish`.
            self._file: IO[bytes] = path.open("ab")
        except OSError as error:
            raise unwritable(path, error) from error

    @classmethod
    def begin(cls, path: Path, results: Results) -> Journal:
        """Start a journal; ``results`` holds no index and no answer yet.

        Raises:
            Conflict: the journal of an interrupted run of the same experiment is there.
            Unreadable: the directory cannot be written.
        """
        found = _read(path)
        if found is not None and found.answers and _same(found, results):
            raise Conflict(
                f"{str(path)!r} holds {len(found.answers):,} answers of a run of this experiment "
                "that was interrupted.",
                hint="Go on with it: --resume. Or delete the file to begin anew.",
            )
        return cls(path, results)

    @classmethod
    def resume(cls, path: Path, wanted: Results) -> Journal | None:
        """Open the journal of an interrupted run; None when there is none.

        Raises:
            Conflict: it is of another experiment, or asked another project.
        """
        found = _read(path)
        if found is None:
            return None
        if found.experiment.fingerprint != wanted.experiment.fingerprint:
            raise Conflict(
                f"{str(path)!r} is of an experiment with other strategies or questions "
                f"({found.experiment.name!r}).",
                hint="Run without --resume to begin anew, or write elsewhere: --out FILE",
            )
        if not _same(found, wanted):
            raise Conflict(
                f"{str(path)!r} asked the project {found.target.project_id!r} at "
                f"{found.target.url}, and this run would ask {wanted.target.project_id!r} at "
                f"{wanted.target.url}.",
                hint="Resume it where it began, or write elsewhere: --out FILE",
            )
        return cls(path, found)

    def results(self, finished_at: float | None = None) -> Results:
        """Return what is known, in the order of the experiment."""
        experiment = self._started.experiment
        return replace(
            self._started,
            finished_at=finished_at,
            indexes=tuple(
                self.indexes[each.config_id]
                for each in experiment.indexes
                if each.config_id in self.indexes
            ),
            answers=tuple(self.answers[key] for key in _keys(experiment) if key in self.answers),
        )

    def add_index(self, index: IndexResult) -> None:
        """Remember an index; one that takes another's place takes the answers of that with it."""
        self.indexes[index.config_id] = index
        self.answers = {
            key: each for key, each in self.answers.items() if key[0] != index.config_id
        }
        self._append({"index": plain(index)})

    def add_answer(self, answer: AnswerRecord) -> None:
        """Remember an answer; a later one to the same question takes its place."""
        self.answers[answer_key(answer)] = answer
        self._append({"answer": plain(answer)})

    def close(self) -> None:
        """Keep it for a later run; one that holds nothing yet is dropped."""
        self._file.close()
        if not self.indexes and not self.answers:
            self.path.unlink(missing_ok=True)

    def finish(self, out: Path, finished_at: float) -> Results:
        """Write the results, and drop the journal."""
        results = self.results(finished_at)
        write_results(out, results)
        self._file.close()
        self.path.unlink(missing_ok=True)
        return results

    def _append(self, entry: Mapping[str, object]) -> None:
        """Write a line at once: whoever kills this process loses nothing that was written."""
        try:
            self._file.write(_line(entry))
            self._file.flush()
        except OSError as error:
            raise unwritable(self.path, error) from error


def answer_key(answer: AnswerRecord) -> AnswerKey:
    """Return which question this answers: index, query strategy and question."""
    return answer.index_id, answer.query_id, answer.question_id


def _read(path: Path) -> Results | None:
    """Read a journal up to its last whole line; None when it does not hold even the first."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unreadable(f"{str(path)!r} cannot be read: {error.strerror}.") from error
    begin: dict[str, Any] | None = None
    indexes: dict[str, object] = {}
    answers: dict[AnswerKey, object] = {}
    # What follows the last line end was torn by a kill.
    for number, line in enumerate(lines[:-1], 1):
        try:
            ((kind, data),) = json.loads(line).items()
            if kind == "begin":
                begin = data
            elif kind == "index":
                indexes[data["config_id"]] = data
                answers = {
                    key: each for key, each in answers.items() if key[0] != data["config_id"]
                }
            elif kind == "answer":
                answers[data["index_id"], data["query_id"], data["question_id"]] = data
            else:
                raise ValueError(f"unknown entry {kind!r}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unreadable(
                f"Line {number} of {str(path)!r} is not of a journal: {error}.",
                hint="Delete the file, and run without --resume.",
            ) from error
    if begin is None:
        return None
    return Results.from_dict(
        {**begin, "indexes": list(indexes.values()), "answers": list(answers.values())}
    )


def _same(found: Results, wanted: Results) -> bool:
    return (
        found.experiment.fingerprint == wanted.experiment.fingerprint
        and found.target == wanted.target
    )


def _keys(experiment: Experiment) -> Iterator[AnswerKey]:
    for index in experiment.indexes:
        for plan in experiment.queries:
            for question in experiment.questions:
                yield index.config_id, plan.query_config_id, question.question_id


def _line(entry: Mapping[str, object]) -> bytes:
    return json.dumps(entry).encode("ascii") + b"\n"
