"""How well questions are answered from a project's documents, with its code in the same index.

    python -m bench.retrieval.documents CHECKOUTS [--models DIR] [--home DIR]

Starts a daemon, registers every project of ``bench/docs`` (see its README), asks all questions in
every profile and mode, and prints a table per project: nDCG@10 by page (the right document), by
section (a chunk of the right section), and the share of what was asked for that stands within the
first 2,000 tokens of the answer. ``--home`` keeps the indexes, so that the next run only asks.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.local.report import Report
from bench.retrieval.service import Service, service
from coco_core.anchors import parse_anchor
from coco_core.metrics import average, ndcg_at
from coco_protocol.docs import Hit

HERE = Path(__file__).resolve().parent.parent / "docs"

PLACES = 10

# What an agent reads of an answer before it asks something else.
BUDGET = 2000

Lines = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and by document the line ranges of the sections that answer it."""

    text: str
    tags: tuple[str, ...]
    sections: dict[str, list[Lines]]


@dataclass(frozen=True, slots=True)
class Project:
    """One project of the set."""

    name: str
    half: str
    root: Path
    questions: list[Question]


@dataclass(frozen=True, slots=True)
class Scores:
    """How good one answer is; each from 0 to 1."""

    page: float
    section: float
    within: float


def projects(checkouts: Path, only: set[str]) -> Iterator[Project]:
    """Yield the projects that are checked out; ``only`` names some, empty means all."""
    for entry in json.loads((HERE / "repos.json").read_text(encoding="utf-8")):
        name = entry["name"]
        if not (checkouts / name).is_dir() or (only and name not in only):
            continue
        lines = (HERE / "questions" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        questions = [question_of(json.loads(line)) for line in lines]
        yield Project(name, entry["half"], checkouts / name / entry["root"], questions)


def question_of(row: dict[str, Any]) -> Question:
    sections: dict[str, list[Lines]] = {}
    for text in row["lines"]:
        anchor = parse_anchor(text)
        assert anchor.lines is not None
        sections.setdefault(anchor.doc_id, []).append(anchor.lines)
    return Question(row["query"], tuple(row["tags"]), sections)


def scores_of(hits: Sequence[Hit], question: Question) -> Scores:
    """Judge an answer: several sections of one document are alternatives, several documents add up.

    An answer holds one chunk of a document by default, so that it cannot be asked for two.
    """
    count = len(question.sections)
    by_page, by_section = [0.0] * PLACES, [0.0] * PLACES
    seen: set[str] = set()
    within: set[str] = set()
    met: set[str] = set()
    tokens = 0
    for rank, hit in enumerate(hits[:PLACES]):
        doc_id = hit.chunk.doc_id
        tokens += hit.chunk.token_count
        if doc_id in question.sections and doc_id not in seen:
            seen.add(doc_id)
            by_page[rank] = 1.0
        if doc_id not in met and _touches(hit, question.sections.get(doc_id, [])):
            met.add(doc_id)
            by_section[rank] = 1.0
            # The first hit is always shown, cut if it must be.
            if tokens <= BUDGET or rank == 0:
                within.add(doc_id)
    ideal = [1.0] * count
    return Scores(
        ndcg_at(PLACES, by_page, ideal), ndcg_at(PLACES, by_section, ideal), len(within) / count
    )


def _touches(hit: Hit, sections: Sequence[Lines]) -> bool:
    first, last = hit.chunk.start_line, hit.chunk.end_line
    if first is None or last is None:
        return False
    return any(first <= end and start <= last for start, end in sections)


@dataclass(frozen=True, slots=True)
class Row:
    """One question in one variant."""

    project: str
    half: str
    variant: str
    query: str
    tags: tuple[str, ...]
    scores: Scores
    found: list[str]


def ask_all(
    there: Service, project: Project, project_id: str, variants: dict[str, dict[str, Any]]
) -> list[Row]:
    """Ask every question of a project in every variant."""
    rows = []
    for variant, retrieval in variants.items():
        for question in project.questions:
            hits = there.ask(project_id, question.text, retrieval).hits
            found = [f"{each.chunk.doc_id}:{each.chunk.start_line}" for each in hits]
            scores = scores_of(hits, question)
            name, half = project.name, project.half
            rows.append(Row(name, half, variant, question.text, question.tags, scores, found))
    return rows


def table(title: str, groups: dict[str, list[Row]], variants: Sequence[str]) -> None:
    """Print page / section / within 2,000 tokens of each variant, a line per group."""
    print(f"\n{title:22}" + "".join(f"{variant:>22}" for variant in variants))
    for name, rows in groups.items():
        cells = ""
        for variant in variants:
            cells += f"{_cell(mean_scores([row for row in rows if row.variant == variant])):>22}"
        print(f"{name:22}{cells}")


def mean_scores(rows: Sequence[Row]) -> Scores:
    """Return the means over projects, each being the mean over its questions."""
    by_project: dict[str, list[Scores]] = {}
    for row in rows:
        by_project.setdefault(row.project, []).append(row.scores)
    own = by_project.values()
    return Scores(
        average([average([each.page for each in scores]) for scores in own]),
        average([average([each.section for each in scores]) for scores in own]),
        average([average([each.within for each in scores]) for scores in own]),
    )


def _cell(scores: Scores) -> str:
    return f"{scores.page:.3f} {scores.section:.3f} {scores.within:.3f}"


def variants_of(profiles: str, modes: str, off: str) -> dict[str, dict[str, Any]]:
    """Return the retrieval configs to compare, by name."""
    switches = {name: False for name in off.split(",") if name}
    return {
        f"{profile} {mode}": {
            "retrieval_mode": mode,
            "ranking": {"profile": profile, **switches},
        }
        for mode in modes.split(",")
        for profile in profiles.split(",")
    }


def summarize(rows: list[Row], variants: Sequence[str], report: Report) -> None:
    """Print the tables and give the overall figures to the report."""

    def grouped(names: Sequence[str], key: Any) -> dict[str, list[Row]]:
        return {name: [row for row in rows if name in key(row)] for name in names}

    print("each cell: nDCG@10 by page, by section, share within 2,000 tokens")
    names = list(dict.fromkeys(row.project for row in rows))
    table("project", grouped(names, lambda row: [row.project]), variants)
    tags = sorted({tag for row in rows for tag in row.tags})
    table("kind of question", grouped(tags, lambda row: row.tags), variants)
    halves = sorted({row.half for row in rows})
    table("half of the projects", grouped(halves, lambda row: [row.half]), variants)
    table("all", {"mean over projects": rows}, variants)
    for variant in variants:
        found = mean_scores([row for row in rows if row.variant == variant])
        name = variant.replace(" ", "_")
        report.add(
            **{
                f"{name}_page": found.page,
                f"{name}_section": found.section,
                f"{name}_within": found.within,
            }
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkouts", type=Path, help="folder made by bench.docs.checkout")
    parser.add_argument("--models", type=Path, help="folder of installed models (~/.coco/models)")
    parser.add_argument("--home", type=Path, help="keep the indexes in this folder")
    parser.add_argument("--profiles", default="auto,code,docs,mixed")
    parser.add_argument("--modes", help="default: fts, with a model also hybrid")
    parser.add_argument("--repos", default="", help="only these, separated by commas")
    parser.add_argument("--off", default="", help="ranking switches to turn off")
    parser.add_argument("--rows", type=Path, help="write every answer as JSON lines")
    arguments = parser.parse_args()
    embedded = arguments.models is not None
    modes = arguments.modes or ("fts,hybrid" if embedded else "fts")
    variants = variants_of(arguments.profiles, modes, arguments.off)
    only = {name for name in arguments.repos.split(",") if name}
    report = Report("documents", variants=variants, models=embedded)
    rows: list[Row] = []
    with service(arguments.models, arguments.home) as there:
        for project in projects(arguments.checkouts, only):
            ready = there.index(project.root, embedded="hybrid" in modes)
            rows += ask_all(there, project, ready.project.project_id, variants)
            state = ready.project
            print(f"{project.name:22} {state.files} files, {state.chunks} chunks", flush=True)
    summarize(rows, list(variants), report)
    report.write()
    if arguments.rows is not None:
        lines = [json.dumps(_plain(row), ensure_ascii=False) for row in rows]
        arguments.rows.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _plain(row: Row) -> dict[str, Any]:
    scores = {"page": row.scores.page, "section": row.scores.section, "within": row.scores.within}
    return {
        "project": row.project,
        "variant": row.variant,
        "query": row.query,
        **scores,
        "found": row.found,
    }


if __name__ == "__main__":
    main()
