"""References by the parser against an independent tool: Jedi, or TypeScript's language service.

    python -m bench.code.references jedi REPOSITORY… --tool DIRECTORY
    python -m bench.code.references typescript REPOSITORY… --tool DIRECTORY

DIRECTORY is where the tool was installed: ``pip install --target DIRECTORY jedi``, or
``npm install --prefix DIRECTORY typescript``. The tool chooses the definitions (a sample with a
fixed seed, of all that it lists) and says where they are referenced; both answers are compared as
sets of path, line and column.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coco_core.code import (
    Finder,
    Modules,
    Unit,
    Wanted,
    family_of,
    modules_of,
    parse_unit,
)

_HERE = Path(__file__).parent

Place = tuple[str, int, int]


class Checkout:
    """The files of a repository; nothing is indexed."""

    def __init__(self, root: Path, suffixes: Sequence[str]) -> None:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True
        ).stdout.decode()
        self.root = root
        self.files = [name for name in listed.split("\0") if (root / name).is_file()]
        self.code = [name for name in self.files if name.endswith(tuple(suffixes))]
        self._data: dict[str, bytes] = {}
        self._units: dict[str, Unit | None] = {}
        self._modules: dict[str, Modules] = {}

    def data(self, path: str) -> bytes:
        """Return the bytes of a file."""
        if path not in self._data:
            self._data[path] = (self.root / path).read_bytes()
        return self._data[path]

    def unit(self, path: str) -> Unit | None:
        """Return a parsed file."""
        if path not in self._units:
            self._units[path] = parse_unit(path, self.data(path))
        return self._units[path]

    def holds(self, path: str, name: str) -> bool:
        """Whether a file holds a name."""
        return name.encode() in self.data(path)

    def modules(self, language: str) -> Modules:
        """Return what resolves imports."""
        family = family_of(language)
        if family not in self._modules:
            self._modules[family] = modules_of(family, self.files, self.data)
        return self._modules[family]


@dataclass
class Counts:
    """Places found by both, by us alone, by the tool alone."""

    both: int = 0
    ours: int = 0
    sure: int = 0
    sure_both: int = 0
    theirs: int = 0
    definitions: int = 0
    unknown: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def row(self, name: str) -> str:
        """Return a line of the table."""

        def share(part: int, whole: int) -> str:
            return f"{part / whole:.3f}" if whole else "-"

        return (
            f"| {name} | {self.definitions} | {self.theirs} | {share(self.both, self.ours)} | "
            f"{share(self.both, self.theirs)} | {share(self.sure_both, self.sure)} | "
            f"{share(self.sure_both, self.theirs)} | "
            f"{1000 * self.seconds / max(1, self.definitions):.0f} |"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare on each repository and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("tool", choices=["jedi", "typescript"])
    parser.add_argument("repositories", nargs="+", type=Path)
    parser.add_argument("--tool", dest="directory", type=Path, required=True)
    parser.add_argument("--sample", type=int, default=60, help="definitions of each repository")
    parser.add_argument("--show", type=int, default=0, help="differences to print")
    given = parser.parse_args(arguments)
    suffixes = [".py"] if given.tool == "jedi" else [".ts", ".tsx"]
    print(
        "| repository | definitions | references | precision | recall | precision of sure | "
        "recall of sure | ms |\n|---|---|---|---|---|---|---|---|"
    )
    for root in given.repositories:
        counts = Counts()
        checkout = Checkout(root.resolve(), suffixes)
        for answer in oracle(given.tool, given.directory, checkout, given.sample):
            compare(checkout, answer, counts)
        print(counts.row(root.name), flush=True)
        for text in counts.wrong[: given.show]:
            print(f"    sure and not theirs: {text}", file=sys.stderr)
        for text in counts.missed[: given.show]:
            print(f"    theirs and not ours: {text}", file=sys.stderr)
        if counts.unknown:
            print(f"    {counts.unknown} definitions not found", file=sys.stderr)


def oracle(
    tool: str, directory: Path, checkout: Checkout, sample: int
) -> Iterator[dict[str, object]]:
    """Yield the tool's answers, each a definition with its references."""
    script = "jedi_references.py" if tool == "jedi" else "typescript_references.cjs"
    program = sys.executable if tool == "jedi" else "node"
    done = subprocess.run(
        [program, str(_HERE / script), str(directory.resolve()), str(checkout.root), str(sample)],
        input="\n".join(checkout.code),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    for line in done.stdout.splitlines():
        yield json.loads(line)


def compare(checkout: Checkout, answer: dict[str, object], counts: Counts) -> None:
    """Add one definition to the counts."""
    path, line, column = str(answer["path"]), int(str(answer["line"])), int(str(answer["column"]))
    inside = set(checkout.code)
    theirs: set[Place] = {
        (str(at[0]), int(at[1]), int(at[2]))
        for at in answer["references"]  # type: ignore[attr-defined]
        if str(at[0]) in inside
    }
    began = time.perf_counter()
    finder = Finder(checkout)
    targets = finder.at(path, line, column)
    if not targets:
        counts.unknown += 1
        return
    wanted = Wanted(targets[0].entity.site.name, {each.entity.identity: each for each in targets})
    ours: dict[Place, bool] = {}
    why: dict[Place, str] = {}
    done: set[str] = set()
    # An alias that is found on the way is looked for in all files.
    while set(wanted.names) - done:
        done = set(wanted.names)
        for name in checkout.code:
            for each in finder.references(name, wanted):
                place = each.path, each.line, each.column
                ours[place] = each.sure
                why[place] = f"{each.why}: {each.text.strip()[:90]}"
    counts.seconds += time.perf_counter() - began
    counts.definitions += 1
    counts.theirs += len(theirs)
    counts.ours += len(ours)
    counts.both += len(theirs & ours.keys())
    sure = {place for place, is_sure in ours.items() if is_sure}
    counts.sure += len(sure)
    counts.sure_both += len(sure & theirs)
    about = f"{answer['name']} of {path}:{line}"
    counts.wrong += [f"{about}: {place} {why[place]}" for place in sorted(sure - theirs)]
    counts.missed += [f"{about}: {place}" for place in sorted(theirs - ours.keys())]


if __name__ == "__main__":
    main()
