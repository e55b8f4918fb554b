"""Reading ``experiment.yml`` and question files: every mistake with its file, line and field."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coco_core.anchors import parse_anchor
from coco_core.errors import CocoError, InvalidConfig
from coco_experiments.checking import check_experiment, check_questions
from coco_experiments.fields import Problem, Where, meant, nearest, path_of, shown
from coco_experiments.source_map import Located, TextProblem, locate
from coco_experiments.spec import Experiment, Question

__all__ = ["ExperimentFile", "read_experiment", "read_experiment_file", "read_questions"]

_SET: Where = (None, "evaluation_set")
_SET_FILE: Where = (None, "evaluation_set_file")


# Each costs a comparison with every document's name.
_MOST_SUGGESTIONS = 10


@dataclass(frozen=True, slots=True)
class ExperimentFile:
    """An experiment that still knows where its parts stand."""

    experiment: Experiment
    spec: Located
    questions: Located | None = None
    """The file of the evaluation set; ``None`` where the set is inline."""

    def refuse_missing(self, documents: Collection[str]) -> None:
        """Refuse anchors of documents that the project does not have.

        Raises:
            InvalidConfig: with file, line and field of each.
        """
        problems: list[Problem] = []
        for where, text in self._anchors():
            doc_id = parse_anchor(text).doc_id
            if doc_id not in documents and text not in documents:
                message = f"there is no document {doc_id!r} in the project. "
                if len(problems) < _MOST_SUGGESTIONS:
                    message += _document_meant(doc_id, documents)
                problems.append(Problem(where, message.rstrip()))
        _refuse(problems, self.spec, self.questions)

    def refuse_lines(self) -> None:
        """Refuse anchors that name lines, for a product whose answers have none.

        Raises:
            InvalidConfig: with file, line and field of each.
        """
        problems = [
            Problem(
                where,
                f"{text!r} names lines, and answers of the server have none. "
                "Name a heading or a symbol: doc#fragment.",
            )
            for where, text in self._anchors()
            if parse_anchor(text).lines is not None
        ]
        _refuse(problems, self.spec, self.questions)

    def _anchors(self) -> Iterator[tuple[Where, str]]:
        for at, question in enumerate(self.experiment.questions):
            for position, expected in enumerate(question.expected):
                yield (((_SET, at), "expected_doc_ids"), position), expected.anchor


def read_experiment(text: str, source: str, load: Callable[[str], str]) -> Experiment:
    """Read an experiment.

    Args:
        text: of the file.
        source: the file's name, for messages; its suffix tells the format.
        load: returns the text of a question file that the experiment names.

    Raises:
        InvalidConfig: all mistakes, one a line as ``FILE:LINE: FIELD: …``, in their order; details
            hold ``file``, ``line`` and ``field`` of the first.
    """
    return read_experiment_file(text, source, load).experiment


def read_experiment_file(text: str, source: str, load: Callable[[str], str]) -> ExperimentFile:
    """Read an experiment and keep where its parts stand; otherwise as `read_experiment`."""
    spec = _located(text, source)
    if not isinstance(spec.data, Mapping):
        what = "the file is empty" if spec.data is None else f"{shown(spec.data)} stands there"
        _refuse([Problem(None, f"{what}; an experiment is a mapping.")], spec)
    problems: list[Problem] = list(spec.problems)
    data = dict(spec.data)
    questions: Located | None = None
    named = _question_file(data, problems)
    if named is not None:
        where, name = named
        questions = _loaded(name, load, where, problems)
        data["evaluation_set"] = [] if questions is None else questions.data
        if questions is not None:
            problems += [Problem(_below(each.where), each.message) for each in questions.problems]
    experiment = check_experiment(data, problems)
    if named is not None and questions is None:
        problems = [each for each in problems if each.where != _SET]
    _refuse(problems, spec, questions)
    assert experiment is not None
    return ExperimentFile(experiment, spec, questions)


def read_questions(text: str, source: str) -> tuple[Question, ...]:
    """Read a question file: JSON lines, or a list in JSON or YAML.

    Raises:
        InvalidConfig: as `read_experiment`.
    """
    located = _located(text, source)
    problems: list[Problem] = list(located.problems)
    questions = check_questions(located.data, problems)
    _refuse(problems, located)
    return questions


def _document_meant(doc_id: str, documents: Collection[str]) -> str:
    """Return the sentence that asks for a document of that file name, or of nearly that path."""
    name = doc_id.rpartition("/")[2]
    same = sorted(each for each in documents if each.rpartition("/")[2] == name)
    return f"Did you mean {same[0]!r}?" if same else meant(doc_id, documents)


def _question_file(data: dict[str, Any], problems: list[Problem]) -> tuple[Where, str] | None:
    """Take the name of the question file out of the experiment, if it names one."""
    inline = data.get("evaluation_set")
    beside = data.pop("evaluation_set_file", None)
    if beside is not None:
        if inline is not None:
            problems.append(Problem(_SET_FILE, "is given beside evaluation_set; give one of them."))
        return _named(beside, _SET_FILE, problems)
    if not isinstance(inline, Mapping):
        return None
    for name in inline:
        if name != "file":
            text = f"unknown field. {nearest(str(name), ['file'])}"
            problems.append(Problem((_SET, str(name)), text))
    if "file" not in inline:
        problems.append(Problem((_SET, "file"), "is missing; it must name a question file."))
        return (_SET, "file"), ""
    return _named(inline.get("file"), (_SET, "file"), problems)


def _named(value: object, where: Where, problems: list[Problem]) -> tuple[Where, str]:
    if isinstance(value, str) and value.strip():
        return where, value
    problems.append(Problem(where, f"{shown(value)} is not the name of a question file."))
    return where, ""


def _loaded(
    name: str, load: Callable[[str], str], where: Where, problems: list[Problem]
) -> Located | None:
    if not name:
        return None
    try:
        return locate(load(name), name)
    except TextProblem as error:
        raise _error([(name, error.line, "", error.message)]) from error
    except (OSError, UnicodeError, CocoError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        problems.append(Problem(where, f"{name!r} cannot be read: {reason.rstrip('.')}."))
        return None


def _located(text: str, source: str) -> Located:
    try:
        return locate(text, source)
    except TextProblem as error:
        raise _error([(source, error.line, "", error.message)]) from error


def _below(where: Where) -> Where:
    """Move a place of the question file below ``evaluation_set``."""
    if where is None:
        return _SET
    parent, step = where
    return _below(parent), step


def _above(where: Where) -> tuple[bool, Where]:
    """Tell whether a place lies in the evaluation set, and where seen from there."""
    if where is None:
        return False, None
    if where == _SET:
        return True, None
    inside, rest = _above(where[0])
    return (True, (rest, where[1])) if inside else (False, where)


def _refuse(problems: Sequence[Problem], spec: Located, questions: Located | None = None) -> None:
    """Raise what is wrong, the experiment's own mistakes first, each file from its top."""
    if not problems:
        return
    found: dict[tuple[str, int, str], str] = {}
    for problem in problems:
        file, where = _home(problem.where, spec, questions)
        message = problem.message
        if problem.earlier is not None:
            message = (
                f"{message} First in line {file.line(_home(problem.earlier, spec, questions)[1])}."
            )
        # The file's own mistakes come first: what was read in their place says nothing more.
        found.setdefault((file.source, file.line(where), path_of(where)), message)
    places = sorted(found, key=lambda place: (place[0] != spec.source, place[1]))
    raise _error([(*place, found[place]) for place in places])


def _home(where: Where, spec: Located, questions: Located | None) -> tuple[Located, Where]:
    """Return the file that a place lies in, and the place as seen from there."""
    inside, below = _above(where)
    return (questions, below) if inside and questions is not None else (spec, where)


def _error(found: list[tuple[str, int, str, str]]) -> InvalidConfig:
    lines = [
        f"{source}:{line}: {field}: {message}" if field else f"{source}:{line}: {message}"
        for source, line, field, message in found
    ]
    names = ("file", "line", "field", "message")
    every = [dict(zip(names, each, strict=True)) for each in found]
    first = {name: every[0][name] for name in names[:3]}
    return InvalidConfig("\n".join(lines), details={**first, "problems": every})
