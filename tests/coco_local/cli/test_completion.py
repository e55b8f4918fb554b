import subprocess


def complete(process, words: str, *, shell: str = "bash") -> subprocess.CompletedProcess[str]:
    """Ask as the shell does when TAB is pressed after ``words``."""
    count = len(words.split()) - (not words.endswith(" "))
    return process(_COCO_COMPLETE=f"complete_{shell}", COMP_WORDS=words, COMP_CWORD=str(count))


def test_verbs(process) -> None:
    done = complete(process, "coco pro")
    assert done.stdout.split() == ["projects"]
    assert "query" in complete(process, "coco ").stdout.split()


def test_options(process) -> None:
    assert "--max-tokens" in complete(process, "coco query --max").stdout


def test_projects_and_configs_are_asked_of_the_daemon(process, shop) -> None:
    assert complete(process, "coco query x -p sh").stdout.split() == ["shop"]
    assert complete(process, "coco forget sh").stdout.split() == ["shop"]
    assert "default" in complete(process, "coco config show-index ").stdout.split()
    assert complete(process, "coco query x -p zz").stdout.strip() == ""


def test_without_a_daemon_completion_is_silent(process) -> None:
    done = complete(process, "coco query x -p sh")
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_the_script_can_be_shown(process) -> None:
    done = process("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert done.returncode == 0
    assert "_COCO_COMPLETE" in done.stdout
