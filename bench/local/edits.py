"""Many single-file edits, each followed at once by a query: found, right lines, and no slower.

Run: python -m bench.local.edits REPO [--edits 2000] [--models DIR] [--switch 500]

A copy of REPO is edited. Each edit puts a function with a new name above, between or below what a
file holds, and asks for it; every hit is compared with the disk. The same questions are asked of
the fresh index and of the edited one, each when nothing is left to do. Then a file is deleted, one
is renamed, and a branch is switched; with --models the embeddings that each computed are counted.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

from bench.local.lab import (
    arguments,
    ask,
    begin,
    commit,
    copy_of,
    git,
    laboratory,
    resident,
    stores,
    wait_idle,
    wait_ready,
)
from bench.local.report import Report, percentiles
from coco_local.client.http_client import Client
from coco_protocol.docs import Hit, QueryRequest
from tests.daemon_process import Daemon

# Languages whose functions the edits can write.
_FUNCTIONS = {
    ".py": "def {word}():\n    return {number}\n\n\n",
    ".rb": "def {word}\n  {number}\nend\n\n",
    ".js": "function {word}() {{\n  return {number}\n}}\n\n",
    ".ts": "function {word}(): number {{\n  return {number}\n}}\n\n",
    ".go": "func {word}() int {{\n\treturn {number}\n}}\n\n",
}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--edits", type=int, default=2000)
    parser.add_argument("--switch", type=int, default=500, help="files that the branch changes")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    embedded = options.models is not None
    report = Report("edits", repository=options.repository.name, edits=options.edits)
    rng = random.Random(options.seed)
    with laboratory(options.models) as daemon:
        root = copy_of(options.repository, daemon)
        paths = _editable(root)
        begin(daemon, root)
        project = wait_ready(daemon, embedded=embedded)
        report.title(f"{root.name}: {project.files:,} files, {project.chunks:,} chunks")
        wait_idle(daemon)
        ask(daemon, 1)
        fresh = ask(daemon)
        report.add(**percentiles("fresh", fresh), fresh_resident_mib=round(resident(daemon), 1))
        _edit_many(daemon, rng, root, paths, options.edits, report)
        wait_ready(daemon, embedded=embedded)
        report.add(**percentiles("at_once", ask(daemon)))
        report.add(**{f"at_once_{name}": value for name, value in stores(daemon).items()})
        wait_idle(daemon)
        after = ask(daemon)
        report.add(**percentiles("after", after))
        report.add(
            ratio_of_medians=round(
                sorted(after)[len(after) // 2] / sorted(fresh)[len(fresh) // 2], 2
            )
        )
        report.add(**{f"after_{name}": value for name, value in stores(daemon).items()})
        report.add(after_resident_mib=round(resident(daemon), 1))
        _move_around(daemon, root, paths, report, embedded=embedded)
        _switch(daemon, rng, root, paths, options.switch, report, embedded=embedded)
    report.write()


def _editable(root: Path) -> list[Path]:
    found = [
        path
        for path in sorted(root.rglob("*"))
        if path.suffix in _FUNCTIONS and path.is_file() and 0 < path.stat().st_size < 100_000
    ]
    return [path for path in found if _is_text(path) and ".git" not in path.parts]


def _is_text(path: Path) -> bool:
    try:
        return "\r" not in path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False


def _edit_many(
    daemon: Daemon, rng: random.Random, root: Path, paths: list[Path], edits: int, report: Report
) -> None:
    missed, wrong, took = 0, 0, []
    peak = 0.0
    most = {"lance_versions": 0, "lance_fragments": 0}
    with daemon.client as client:
        client.health()
        for number in range(edits):
            word = f"zq{number}edit{rng.randint(0, 10**6)}"
            _insert(rng, rng.choice(paths), word, number)
            before = time.perf_counter()
            answer = client.query(QueryRequest(query=word))
            took.append(time.perf_counter() - before)
            data = answer.data
            if all(word not in hit.chunk.content for hit in data.results):
                missed += 1
                report.add(**{f"miss_{missed}": f"edit {number}: {answer.meta.model_dump_json()}"})
            wrong += sum(not _true(root, hit) for hit in data.results)
            if number % 50 == 0:
                peak = max(peak, resident(daemon))
                most = {name: max(n, stores(daemon)[name]) for name, n in most.items()}
    report.add(edits=edits, not_found=missed, wrong_hits=wrong, **percentiles("edit_query", took))
    report.add(peak_resident_mib=round(peak, 1))
    report.add(**{f"most_{name}": value for name, value in most.items()})


def _insert(rng: random.Random, path: Path, word: str, number: int) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    at = rng.choice([0, rng.randint(0, len(lines)), len(lines)])
    lines[at:at] = [_FUNCTIONS[path.suffix].format(word=word, number=number)]
    path.write_text("".join(lines), encoding="utf-8")


def _true(root: Path, hit: Hit) -> bool:
    """Whether the hit's text is the lines that it names, or a part of the one long line."""
    assert hit.chunk.path is not None
    assert hit.chunk.start_line is not None
    file = root / hit.chunk.path
    if not file.is_file():
        return False
    lines = file.read_bytes().decode("utf-8", "replace").split("\n")
    shown = "\n".join(lines[hit.chunk.start_line - 1 : hit.chunk.end_line])
    content = hit.chunk.content.strip()
    return content == shown.strip() or ("\n" not in shown and content in shown)


def _paths_for(client: Client, word: str) -> list[str | None]:
    data = client.query(QueryRequest(query=f'"{word}"')).data
    return [hit.chunk.path for hit in data.results]


def _move_around(
    daemon: Daemon, root: Path, paths: list[Path], report: Report, *, embedded: bool
) -> None:
    """Delete one file and rename another; each must show in the very next answer."""
    report.title("delete, rename")
    word, other = "zqdeletedfunction", "zqrenamedfunction"
    rng = random.Random(0)
    _insert(rng, paths[0], word, 0)
    _insert(rng, paths[1], other, 0)
    wait_ready(daemon, embedded=embedded)
    with daemon.client as client:
        _paths_for(client, word)
        wait_ready(daemon, embedded=embedded)
        before = stores(daemon)["cached_embeddings"]
        paths[0].unlink()
        report.add(deleted_still_found=len(_paths_for(client, word)))
        target = paths[1].with_name(f"renamed_{paths[1].name}")
        paths[1].rename(target)
        found = _paths_for(client, other)
        report.add(renamed_found=found == [target.relative_to(root).as_posix()])
        wait_ready(daemon, embedded=embedded)
    report.add(rename_embeddings_computed=stores(daemon)["cached_embeddings"] - before)
    del paths[:2]


def _switch(
    daemon: Daemon,
    rng: random.Random,
    root: Path,
    paths: list[Path],
    count: int,
    report: Report,
    *,
    embedded: bool,
) -> None:
    """Switch to a branch that changes many files, and back; the way back computes nothing."""
    changed = rng.sample(paths, min(count, len(paths)))
    report.title(f"switch to a branch that changes {len(changed)} files, and back")
    commit(root, "edited")
    wait_ready(daemon, embedded=embedded)
    git(root, "switch", "--quiet", "--create", "other")
    for number, path in enumerate(changed):
        _insert(rng, path, f"zqbranch{number}function", number)
    commit(root, "other")
    with daemon.client as client:
        for name, goal in (("change", None), ("back", "main"), ("forth", "other")):
            if goal is not None:
                wait_ready(daemon, embedded=embedded)
                computed = stores(daemon)["cached_embeddings"]
                git(root, "switch", "--quiet", goal)
            else:
                computed = stores(daemon)["cached_embeddings"]
            began = time.perf_counter()
            wrong, here = 0, 0
            for number in (0, len(changed) // 2, len(changed) - 1):
                data = client.query(QueryRequest(query=f"zqbranch{number}function")).data
                wrong += sum(not _true(root, hit) for hit in data.results)
                word = f"zqbranch{number}function"
                here += any(word in hit.chunk.content for hit in data.results)
            report.add(
                **{
                    f"{name}_three_answers_ms": round((time.perf_counter() - began) * 1000, 1),
                    f"{name}_found_of_3": here,
                    f"{name}_wrong_hits": wrong,
                }
            )
            project = wait_ready(daemon, embedded=embedded)
            report.add(**{f"{name}_settled_s": round(time.perf_counter() - began, 2)})
            new = stores(daemon)["cached_embeddings"] - computed
            report.add(**{f"{name}_embeddings_computed": new, f"{name}_chunks": project.chunks})


if __name__ == "__main__":
    main()
