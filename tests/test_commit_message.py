from __future__ import annotations

import pytest
from scripts.commit_message import SCISSORS, faults

GOOD = "Read one version\n\nTen files had to be changed for a release.\n"


@pytest.mark.parametrize(
    "message",
    [
        GOOD,
        f"# a comment of git's\n\n{GOOD}# another\n",
        "Merge branch 'habits'\n",
        "fixup! Read one version\n",
        "# nothing: git itself refuses it\n",
    ],
)
def test_what_passes(message: str) -> None:
    assert faults(message) == []


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("Read one version\n", "there is no body; say why the change is made"),
        ("Read one version\n\n# git's\n", "there is no body; say why the change is made"),
        (f"Read\n\n{SCISSORS}\ndiff --git\n", "there is no body; say why the change is made"),
        ("Read\nfor a reason\n", "there is no empty line between subject and body"),
        ("Read.\n\nFor a reason.\n", "the subject ends with a full stop"),
        (f"{'R' * 101}\n\nFor.\n", "the subject has 101 characters (at most 100)"),
    ],
)
def test_what_is_refused(message: str, fault: str) -> None:
    assert faults(message) == [fault]
