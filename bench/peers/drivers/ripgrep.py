"""ripgrep as a person without an index uses it: every word of the question, files by how many.

Ties go to the file with more matches, then to the shorter one. A place is a whole file.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter, defaultdict

from bench.peers.drivers.wire import Place, serve

# A person does not search for these.
_EMPTY = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by can do does for from has have how if in into is it its of on or "
        "that the their them there these this to up used uses using via was what when where which "
        "who why will with",
    )
)


class Ripgrep:
    """One process a question; nothing is kept."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._root = ""

    def index(self, root: str) -> None:
        """There is no index."""
        self._root = root

    def query(self, text: str, limit: int) -> list[Place]:
        words = {word.lower() for word in re.findall(r"\w+", text)} - _EMPTY
        if not words:
            return []
        command = [self._program, "--only-matching", "--ignore-case", "--no-line-number", "--null"]
        command += ["--no-heading", "--with-filename", "--fixed-strings", "--no-require-git"]
        command += [part for word in sorted(words, key=len, reverse=True) for part in ("-e", word)]
        done = subprocess.run([*command, "./"], cwd=self._root, stdout=subprocess.PIPE, check=False)
        # 1 says that nothing matched, 2 that some file could not be read.
        if done.returncode > 1 and not done.stdout:
            raise RuntimeError(f"ripgrep ended with {done.returncode}")
        matches: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for line in done.stdout.decode("utf-8", errors="replace").splitlines():
            path, _, word = line.partition("\0")
            matches[path.removeprefix("./")][word.lower()] += 1
        ranked = sorted(matches, key=lambda p: (-len(matches[p]), -matches[p].total(), len(p), p))
        return [(path, None, None) for path in ranked[:limit]]

    def close(self) -> None:
        """Nothing runs beside this process."""


if __name__ == "__main__":
    serve(Ripgrep(sys.argv[1]))
