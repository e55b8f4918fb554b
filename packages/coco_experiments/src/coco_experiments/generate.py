"""Generates a first evaluation set from the documents themselves, for a person to edit."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Literal, TypeAlias, TypeVar, get_args

from coco_core.anchors import anchor
from coco_core.languages import LanguageKind, named_language
from coco_core.ranking.penalties import file_traits
from coco_core.tokens import identifier_parts
from coco_core.types import Chunk, ChunkKind, Definition, DocumentKey
from coco_experiments.docstrings import definition_paragraph, section_paragraph
from coco_experiments.question_text import QuestionText, question_text_of
from coco_experiments.spec import Question

__all__ = ["QUESTION_KINDS", "QuestionKind", "generate_questions"]

T = TypeVar("T")

QuestionKind: TypeAlias = Literal["docstring", "heading", "symbol"]
QUESTION_KINDS: tuple[QuestionKind, ...] = get_args(QuestionKind)

# Nobody looks for an answer in these files.
_UNFIT = frozenset(
    ("test", "example", "generated", "vendored", "template", "tooling", "compat", "changelog")
)

_CODE = frozenset((ChunkKind.FUNCTION, ChunkKind.METHOD, ChunkKind.CLASS))

# Rust keeps tests beside the code.
_TEST_PARTS = frozenset(("test", "tests"))

# No operators and nothing private; a shorter name is a word of the project, not of one place.
_LOOKED_UP = re.compile(r"[^\W\d_]\w{4,}[?!]?")

# A heading that is only a tag or a sign has a slug like `-1`, which nobody would link.
_SAYS = re.compile(r"[^\W\d_]{2}")

# Every project has them, and they say nothing of it.
_PAPERS = re.compile(
    r"(?:^|/)(?:code[-_]of[-_]conduct|(?:pull[-_]request|issue)[-_]template|licen[cs]e|copying"
    r"|notice|authors|maintainers|governance)[^/]*$",
    re.IGNORECASE,
)

# Directories below this depth share a part with their parent.
_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class _Candidate:
    kind: QuestionKind
    doc_id: DocumentKey
    fragment: str
    language: str
    question: QuestionText

    @property
    def directory(self) -> str:
        return "/".join(self.doc_id.split("/")[:-1][:_DEEPEST])


def generate_questions(
    documents: Iterable[tuple[DocumentKey, Sequence[Chunk]]],
    limit: int,
    *,
    seed: int = 0,
    kinds: Collection[QuestionKind] = QUESTION_KINDS,
) -> tuple[Question, ...]:
    """Propose questions, each tagged with its kind.

    A docstring's sentence without the words of its symbol asks for the symbol, a section's first
    sentence without those of its heading for the section, and a name for its only definition.
    Kinds, directories and documents take turns; tests, examples and generated files are left out.

    Args:
        documents: each with its chunks as `chunk_document` makes them, in any order.
        limit: the most questions.
        seed: chooses among what is equally good; the same documents and seed give the same.
        kinds: which kinds to propose.
    """
    found = [each for document in documents for each in _candidates(*document)]
    # One question with several answers would need all of them.
    asked = Counter(each.question.text.casefold() for each in found)
    fit = sorted(
        (
            each
            for each in found
            if each.kind in kinds and asked[each.question.text.casefold()] == 1
        ),
        key=lambda each: (each.kind, each.doc_id, each.fragment, each.question.text),
    )
    rng = random.Random(seed)  # noqa: S311  # chooses examples, guards nothing
    lines = [_spread([each for each in fit if each.kind == kind], rng) for kind in QUESTION_KINDS]
    chosen = _in_turn(lines)[: max(limit, 0)]
    chosen.sort(key=lambda each: (QUESTION_KINDS.index(each.kind), each.doc_id, each.fragment))
    numbers: Counter[str] = Counter()
    return tuple(_question(each, numbers) for each in chosen)


def _question(candidate: _Candidate, numbers: Counter[str]) -> Question:
    numbers[candidate.kind] += 1
    return Question.from_dict(
        {
            "question_id": f"{candidate.kind}-{numbers[candidate.kind]}",
            "query": candidate.question.text,
            "expected_doc_ids": [anchor(candidate.doc_id, candidate.fragment)],
            "tags": [candidate.kind],
            "language": candidate.language,
        }
    )


def _candidates(doc_id: DocumentKey, chunks: Sequence[Chunk]) -> Iterator[_Candidate]:
    if _PAPERS.search(doc_id):
        return
    seen: set[tuple[str, str]] = set()
    for chunk in chunks:
        # Code within a document is an example of its use.
        language = named_language(chunk.language)
        code = language is not None and language.kind is LanguageKind.CODE
        if not _UNFIT.isdisjoint(file_traits(doc_id, chunk.language)):
            return
        for definition in chunk.definitions:
            # Chunks that overlap begin the same definition twice.
            for kind, text in _question_texts(chunk, definition, code=code):
                if (definition.path, kind) not in seen:
                    seen.add((definition.path, kind))
                    yield _Candidate(kind, doc_id, definition.path, chunk.language, text)


def _question_texts(
    chunk: Chunk, definition: Definition, *, code: bool
) -> Iterator[tuple[QuestionKind, QuestionText]]:
    if definition.kind is ChunkKind.SECTION:
        paragraph = section_paragraph(chunk, definition)
        text = question_text_of(paragraph, [definition.title], whole=True)
        if text is not None and _SAYS.search(definition.path):
            yield "heading", text
    elif code and definition.kind in _CODE and _TEST_PARTS.isdisjoint(definition.path.split(".")):
        paragraph = definition_paragraph(chunk, definition).removeprefix(f"{definition.name} ")
        text = question_text_of(paragraph, definition.path.split("."))
        if text is not None:
            yield "docstring", text
        if _LOOKED_UP.fullmatch(definition.name):
            # A name of one word is easily said by accident.
            compound = len(identifier_parts(definition.name)) > 1
            yield "symbol", QuestionText(definition.name, 0 if compound else 1)


def _spread(candidates: list[_Candidate], rng: random.Random) -> list[_Candidate]:
    """Order by turns of directories and documents; what nothing was taken out of comes first."""
    ordered: list[_Candidate] = []
    for taken in sorted({each.question.taken for each in candidates}):
        shuffled = [each for each in candidates if each.question.taken == taken]
        rng.shuffle(shuffled)
        directories: dict[str, dict[str, list[_Candidate]]] = {}
        for each in shuffled:
            directories.setdefault(each.directory, {}).setdefault(each.doc_id, []).append(each)
        lines = [_in_turn(list(documents.values())) for documents in directories.values()]
        ordered += _in_turn(lines)
    return ordered


def _in_turn(lines: Sequence[Sequence[T]]) -> list[T]:
    """Take one of each in turn until nothing is left."""
    nothing = object()
    rounds = zip_longest(*lines, fillvalue=nothing)
    return [each for each in chain.from_iterable(rounds) if each is not nothing]  # type: ignore[misc]  # the filler is gone
