from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/commit_message.py"
GOOD = "Read one version\n\nTen files had to be changed for a release.\n"


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (GOOD, None),
        ("# a comment of git's\n\n" + GOOD + "# another\n", None),
        ("Merge branch 'habits'\n", None),
        ("fixup! Read one version\n", None),
        ("# nothing: git itself refuses it\n", None),
        ("Read one version\n", "there is no body; say why the change is made"),
        ("Read one version\n\n# only git's comments\n", "there is no body"),
        (
            "Read one version\n# ------------------------ >8 ------------------------\ndiff --git\n",
            "there is no body",
        ),
        ("Read one version\nfor a reason\n", "there is no empty line between subject and body"),
        ("Read one version.\n\nFor a reason.\n", "the subject ends with a full stop"),
        ("R" * 101 + "\n\nFor a reason.\n", "the subject has 101 characters (at most 100)"),
    ],
)
def test_a_message_says_what_and_why(tmp_path: Path, message: str, fault: str | None) -> None:
    file = tmp_path / "COMMIT_EDITMSG"
    file.write_text(message, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, str(SCRIPT), str(file)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert ended.returncode == (fault is not None)
    assert ended.stdout == "" if fault is None else fault in ended.stdout
