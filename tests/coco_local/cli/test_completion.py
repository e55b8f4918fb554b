import subprocess


def complete(process, words: str, *, shell: str = "bash") -> subprocess.CompletedProcess[str]:
    """Ask as the shell does when TAB is pressed after ``words``."""
    count = len(words.split()) - (not words.endswith(" "))
    return process(_COCO_COMPLETE=f"complete_{shell}", COMP_WORDS=words, COMP_CWORD=str(count))


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
