"""Hold a commit's message to the house rules: a subject, an empty line, and the reason in a body.

git calls it with the file of the message (.pre-commit-config.yaml).
"""

from __future__ import annotations

import sys
from pathlib import Path

SUBJECT_LENGTH = 100
# git writes these itself, or will melt them into another commit.
EXEMPT = ("Merge ", "Revert ", "fixup! ", "squash! ", "amend! ")
# Where `git commit --verbose` begins to show the change.
SCISSORS = "# ------------------------ >8 ------------------------"


def faults(message: str) -> list[str]:
    """Return what is wrong with a message."""
    lines = [
        line.rstrip()
        for line in message.partition(SCISSORS)[0].splitlines()
        if not line.startswith("#")
    ]
    while lines and not lines[0]:
        del lines[0]
    if not lines or lines[0].startswith(EXEMPT):
        return []
    subject, rest = lines[0], lines[1:]
    found = []
    if len(subject) > SUBJECT_LENGTH:
        found.append(f"the subject has {len(subject)} characters (at most {SUBJECT_LENGTH})")
    if subject.endswith("."):
        found.append("the subject ends with a full stop")
    if rest and rest[0]:
        found.append("there is no empty line between subject and body")
    if not any(rest):
        found.append("there is no body; say why the change is made")
    return found


def main() -> int:
    """Print what is wrong; the exit status says whether anything is."""
    found = faults(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print("\n".join(f"commit message: {fault}" for fault in found), end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
