"""Completion of the shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.coco_flow.cli.program import coco_flow


def _complete(folder: Path, *words: str) -> list[str]:
    done = coco_flow(
        folder,
        _COCO_FLOW_COMPLETE="fish_complete",
        COMP_WORDS=" ".join(["coco-flow", *words]),
        COMP_CWORD=words[-1],
    )
    # Lines such as "plain,update	Bring targets …".
    return [line.split(",", 1)[1].split("\t")[0] for line in done.stdout.splitlines()]


def test_commands_options_and_files_are_completed(built: Path) -> None:
    assert _complete(built, "up") == ["update"]
    assert "--reexport" in _complete(built, "update", "--re")
    assert _complete(built, "update", "ap") == ["app.py"]
    assert _complete(built, "update", "app.py:D") == ["app.py:DocFlow"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_installed_once(tmp_path: Path, shell: str) -> None:
    for _ in range(2):
        done = coco_flow(
            tmp_path, "--install-completion", HOME=str(tmp_path), SHELL=f"/usr/bin/{shell}"
        )
        assert done.returncode == 0, done.stderr
    script = Path(done.stdout.splitlines()[0].removeprefix("wrote "))
    assert "_COCO_FLOW_COMPLETE" in script.read_text()
    if shell != "fish":
        start = (tmp_path / f".{shell}rc").read_text()
        assert start.count(str(script)) == 1


def test_an_unknown_shell_is_named(tmp_path: Path) -> None:
    done = coco_flow(tmp_path, "--install-completion", HOME=str(tmp_path), SHELL="/bin/tcsh")
    assert done.returncode == 2
    assert "tcsh" in done.stderr
