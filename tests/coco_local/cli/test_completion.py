import subprocess

from coco_core.types import ChunkKind
from coco_local.client.chunk_kinds import KINDS


def complete(process, words: str, *, shell: str = "bash") -> subprocess.CompletedProcess[str]:
    """Ask as the shell does when TAB is pressed after ``words``."""
    count = len(words.split()) - (not words.endswith(" "))
    return process(
        _COCO_COMPLETE=f"complete_{shell}",
        COMP_WORDS=words,
        COMP_CWORD=str(count),
        _TYPER_COMPLETE_ARGS=words,
    )


def test_verbs(process) -> None:
    done = complete(process, "coco pro")
    assert done.out.split() == ["projects"]
    assert "query" in complete(process, "coco ").out.split()


def test_options(process) -> None:
    assert "--max-tokens" in complete(process, "coco query --max").out


def test_projects_and_configs_are_asked_of_the_daemon(process, shop) -> None:
    assert complete(process, "coco query x -p sh").out.split() == ["shop"]
    assert complete(process, "coco forget sh").out.split() == ["shop"]
    assert "default" in complete(process, "coco config show-index ").out.split()
    assert complete(process, "coco query x -p zz").out.strip() == ""


def test_without_a_daemon_completion_is_silent(process) -> None:
    done = complete(process, "coco query x -p sh")
    assert (done.out.strip(), done.err) == ("", "")


def test_the_script_can_be_shown(process) -> None:
    process("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1").prints(
        "_COCO_COMPLETE"
    )


def test_closed_sets_and_paths(process, shop) -> None:
    assert complete(process, "coco query --lang pyt").out.split() == ["python"]
    assert complete(process, "coco query --lang pyi").out.split() == ["pyi"]
    assert complete(process, "coco related x --kind cl").out.split() == ["class"]
    assert complete(process, "coco search x --mode ve").out.split() == ["vector"]
    assert complete(process, "coco query x --path sh").out.split() == ["shop/"]
    assert complete(process, "coco outline shop/c").out.split() == ["shop/cart.py"]
    assert complete(process, "coco sea").out.split() == ["search"]


def test_filters_among_the_words(process, shop) -> None:
    assert complete(process, "coco query pa").out.split() == ["path:"]
    assert complete(process, "coco query lang:pyt").out.split() == ["lang:python"]
    assert complete(process, "coco query x path:sh").out.split() == ["path:shop/"]
    # Bash breaks words at colons.
    assert complete(process, "coco query kind : func").out.split() == ["function"]


def test_every_shell_is_answered(process, shop) -> None:
    assert '"python"' in complete(process, "coco query --lang pyt", shell="zsh").out
    fish = process(
        _COCO_COMPLETE="complete_fish",
        _TYPER_COMPLETE_ARGS="coco query --lang pyt",
        _TYPER_COMPLETE_FISH_ACTION="get-args",
    )
    assert fish.out.split() == ["python"]


def test_the_kinds_are_those_of_the_core() -> None:
    assert tuple(ChunkKind) == KINDS
