"""What do a project's documents cost the questions to its code?

    python -m bench.retrieval.beside QUESTIONS CHECKOUTS [--models DIR] [--repos a,b]

For every repository of the code-search questions that keeps code and documents apart: its benchmark
root alone, and the same with all its documents in one index. Prints nDCG@10 of both and the
difference, per repository and on average.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.local.report import Report
from bench.retrieval.codesearch import Repository, ndcg, repositories, targets_of
from bench.retrieval.service import Service, service
from coco_core.languages import LanguageKind, detect_language, named_language
from coco_core.metrics import average


def documents_of(base: Path, root: Path) -> Iterator[Path]:
    """Yield the documents of a checkout that its benchmark root does not hold."""
    for folder, folders, names in os.walk(base):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(names):
            path = Path(folder, name)
            known = named_language(detect_language(name, b""))
            is_document = known is not None and known.kind is LanguageKind.DOCS
            if is_document and path.is_file() and not path.is_relative_to(root):
                yield path


def copies(repository: Repository, base: Path, into: Path) -> tuple[Path, Path, int]:
    """Copy the code alone, and the code with the documents; return both and their number."""
    alone, beside = into / "alone", into / "beside"
    for target in (alone, beside):
        shutil.copytree(
            repository.root,
            target / repository.root.relative_to(base),
            ignore=shutil.ignore_patterns(".git"),
            ignore_dangling_symlinks=True,
        )
    count = 0
    for path in documents_of(base, repository.root):
        copy = beside / path.relative_to(base)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        count += 1
    return alone, beside, count


def quality(there: Service, root: Path, repository: Repository, mode: str, profile: str) -> float:
    """Index a directory, ask everything, forget it again; return the mean nDCG@10."""
    ready = there.index(root, embedded=mode != "fts")
    retrieval = {"retrieval_mode": mode, "ranking": {"profile": profile}}
    values = []
    for question in repository.questions:
        asked = there.ask(ready.project.project_id, question["query"], retrieval)
        values.append(ndcg(asked.hits, targets_of(question)))
    there.forget(ready.project.project_id)
    return average(values)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("questions", type=Path, help="folder with repos.json and annotations/")
    parser.add_argument("checkouts", type=Path, help="folder with one checkout per repository")
    parser.add_argument("--models", type=Path, help="folder of installed models (~/.coco/models)")
    parser.add_argument("--repos", default="", help="only these, separated by commas")
    parser.add_argument("--profile", default="auto")
    arguments = parser.parse_args()
    only = {name for name in arguments.repos.split(",") if name}
    mode = "fts" if arguments.models is None else "hybrid"
    report = Report("beside", mode=mode, profile=arguments.profile)
    report.title(f"nDCG@10 by {mode}: code alone, with its documents, difference")
    alone: list[float] = []
    beside: list[float] = []
    with service(arguments.models) as there:
        for repository in repositories(arguments.questions, arguments.checkouts, only):
            base = arguments.checkouts / repository.name
            if repository.root == base:
                continue
            with tempfile.TemporaryDirectory(prefix="coco-bench-") as folder:
                roots = copies(repository, base, Path(folder))
                own = [quality(there, r, repository, mode, arguments.profile) for r in roots[:2]]
            alone.append(own[0])
            beside.append(own[1])
            found = f"{own[0]:.3f} {own[1]:.3f} {own[1] - own[0]:+.3f}"
            report.add(**{repository.name: f"{found}  ({roots[2]} documents)"})
    report.title("all")
    report.add(alone=average(alone), beside=average(beside))
    report.add(difference=average(beside) - average(alone))
    report.write()


if __name__ == "__main__":
    main()
