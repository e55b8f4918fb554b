"""Reading ``experiment.yml`` and question files: every mistake with its file, line and field."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from coco_core.anchors import parse_anchor
from coco_core.errors import CocoError, InvalidConfig
from coco_experiments.problems import (
    FieldPath,
    Problem,
    did_you_mean,
    format_value,
    path_text,
    repeated,
    repeated_problem,
    suggestions,
)
from coco_experiments.source_map import NotParsable, SourceMap, parse
from coco_experiments.spec import Experiment, Question
from coco_experiments.validation import Filled, validate

__all__ = ["ExperimentFile", "read_experiment", "read_experiment_file", "read_questions"]

_SET = "evaluation_set"
_SET_FILE = "evaluation_set_file"

# The lists of an experiment, and what may stand once in each.
_IDS = {
    "indexing_strategies": "config_id",
    "query_strategies": "query_config_id",
    _SET: "question_id",
}

_Questions: TypeAlias = Annotated[tuple[Question, ...], Filled]

# Each costs a comparison with every document's name.
_MOST_SUGGESTIONS = 10


@dataclass(frozen=True, slots=True)
class ExperimentFile:
    """An experiment that still knows where its parts stand."""

    experiment: Experiment
    spec: SourceMap
    questions: SourceMap | None = None
    """The file of the evaluation set; ``None`` where the set is inline."""

    def refuse_missing(self, documents: Collection[str]) -> None:
        """Refuse anchors of documents that the project does not have.

        Raises:
            InvalidConfig: with file, line and field of each.
        """
        problems: list[Problem] = []
        for path, text in self._anchors():
            doc_id = parse_anchor(text).doc_id
            if doc_id not in documents and text not in documents:
                message = f"there is no document {doc_id!r} in the project. "
                if len(problems) < _MOST_SUGGESTIONS:
                    message += _similar_document(doc_id, documents)
                problems.append(Problem(path, message.rstrip()))
        _raise_if_any(problems, self.spec, self.questions)

    def refuse_lines(self) -> None:
        """Refuse anchors that name lines, for a product whose answers have none.

        Raises:
            InvalidConfig: with file, line and field of each.
        """
        problems = [
            Problem(
                path,
                f"{text!r} names lines, and answers of the server have none. "
                "Name a heading or a symbol: doc#fragment.",
            )
            for path, text in self._anchors()
            if parse_anchor(text).lines is not None
        ]
        _raise_if_any(problems, self.spec, self.questions)

    def _anchors(self) -> Iterator[tuple[FieldPath, str]]:
        for at, question in enumerate(self.experiment.questions):
            for position, expected in enumerate(question.expected):
                yield (_SET, at, "expected_doc_ids", position), expected.anchor


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
    spec = _parsed(text, source)
    if not isinstance(spec.data, Mapping):
        what = (
            "the file is empty" if spec.data is None else f"{format_value(spec.data)} stands there"
        )
        _raise_if_any([Problem((), f"{what}; an experiment is a mapping.")], spec)
    problems: list[Problem] = list(spec.problems)
    data = dict(spec.data)
    questions: SourceMap | None = None
    named = _question_file(data, problems)
    if named is not None:
        questions = _loaded(*named, load, problems)
        data[_SET] = [] if questions is None else questions.data
        if questions is not None:
            problems += [Problem((_SET, *each.path), each.message) for each in questions.problems]
    problems += _all_repeated(data)
    experiment = validate(Experiment, data, problems)
    if named is not None and questions is None:
        problems = [each for each in problems if each.path != (_SET,)]
    _raise_if_any(problems, spec, questions)
    assert experiment is not None
    return ExperimentFile(experiment, spec, questions)


def read_questions(text: str, source: str) -> tuple[Question, ...]:
    """Read a question file: JSON lines, or a list in JSON or YAML.

    Raises:
        InvalidConfig: as `read_experiment`.
    """
    file = _parsed(text, source)
    problems = [*file.problems, *_repeated(file.data, (), _IDS[_SET])]
    questions: tuple[Question, ...] | None = validate(_Questions, file.data, problems)
    _raise_if_any(problems, file)
    assert questions is not None
    return questions


def _all_repeated(data: Mapping[str, Any]) -> Iterator[Problem]:
    for name, key in _IDS.items():
        yield from _repeated(data.get(name), (name,), key)


def _repeated(elements: object, path: FieldPath, key: str) -> Iterator[Problem]:
    """Find what stands twice though other things are wrong: all mistakes are reported together."""
    listed = elements if isinstance(elements, list) else []
    names = _names(listed, key)
    for position, first in repeated(names):
        yield repeated_problem((*path, position, key), names[position], first)
    if key == "question_id":
        for at, question in enumerate(listed):
            place = (*path, at, "expected_doc_ids")
            anchors = question.get("expected_doc_ids") if isinstance(question, Mapping) else None
            texts = _names(anchors if isinstance(anchors, list) else [], "id")
            for position, first in repeated(texts):
                yield repeated_problem((*place, position), texts[position], first)


def _names(elements: list[Any], key: str) -> list[Any]:
    return [each.get(key) if isinstance(each, Mapping) else each for each in elements]


def _similar_document(doc_id: str, documents: Collection[str]) -> str:
    """Return the sentence that asks for a document of that file name, or of nearly that path."""
    name = doc_id.rpartition("/")[2]
    same = sorted(each for each in documents if each.rpartition("/")[2] == name)
    return f"Did you mean {same[0]!r}?" if same else did_you_mean(doc_id, documents)


def _question_file(data: dict[str, Any], problems: list[Problem]) -> tuple[FieldPath, str] | None:
    """Take the name of the question file out of the experiment, if it names one."""
    inline = data.get("evaluation_set")
    file_name = data.pop("evaluation_set_file", None)
    if file_name is not None:
        if inline is not None:
            problems.append(
                Problem((_SET_FILE,), "is given beside evaluation_set; give one of them.")
            )
        return _named(file_name, (_SET_FILE,), problems)
    if not isinstance(inline, Mapping):
        return None
    for name in inline:
        if name != "file":
            text = f"unknown field. {suggestions(str(name), ['file'])}"
            problems.append(Problem((_SET, str(name)), text))
    if "file" not in inline:
        problems.append(Problem((_SET, "file"), "is missing; it must name a question file."))
        return (_SET, "file"), ""
    return _named(inline.get("file"), (_SET, "file"), problems)


def _named(value: object, path: FieldPath, problems: list[Problem]) -> tuple[FieldPath, str]:
    if isinstance(value, str) and value.strip():
        return path, value
    problems.append(Problem(path, f"{format_value(value)} is not the name of a question file."))
    return path, ""


def _loaded(
    path: FieldPath, name: str, load: Callable[[str], str], problems: list[Problem]
) -> SourceMap | None:
    if not name:
        return None
    try:
        return _parsed(load(name), name)
    except InvalidConfig:
        raise
    except (OSError, UnicodeError, CocoError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        problems.append(Problem(path, f"{name!r} cannot be read: {reason.rstrip('.')}."))
        return None


def _parsed(text: str, source: str) -> SourceMap:
    try:
        return parse(text, source)
    except NotParsable as error:
        raise _error([(source, error.line, "", error.message)]) from error


def _raise_if_any(
    problems: Sequence[Problem], spec: SourceMap, questions: SourceMap | None = None
) -> None:
    """Raise what is wrong, the experiment's own mistakes first, each file from its top."""
    if not problems:
        return
    found: dict[tuple[str, int, str], str] = {}
    for problem in problems:
        file, path = _home(problem.path, spec, questions)
        message = problem.message
        if problem.first is not None:
            first = _home(problem.first, spec, questions)[1]
            message = f"{message} First in line {file.line(first)}."
        # The file's own mistakes come first: what was read in their place says nothing more.
        found.setdefault((file.source, file.line(path), path_text(path)), message)
    places = sorted(found, key=lambda place: (place[0] != spec.source, place[1]))
    raise _error([(*place, found[place]) for place in places])


def _home(
    path: FieldPath, spec: SourceMap, questions: SourceMap | None
) -> tuple[SourceMap, FieldPath]:
    """Return the file that a path lies in, and the path as seen from there."""
    if questions is not None and path[:1] == (_SET,):
        return questions, path[1:]
    return spec, path


def _error(found: list[tuple[str, int, str, str]]) -> InvalidConfig:
    lines = [
        f"{source}:{line}: {field}: {message}" if field else f"{source}:{line}: {message}"
        for source, line, field, message in found
    ]
    names = ("file", "line", "field", "message")
    every = [dict(zip(names, each, strict=True)) for each in found]
    first = {name: every[0][name] for name in names[:3]}
    return InvalidConfig("\n".join(lines), details={**first, "problems": every})
