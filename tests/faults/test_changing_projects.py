"""Projects whose ground moves: the root goes and comes back, files and directories trade places."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.daemon_process import Daemon, wait_for
from tests.sources import write_project


def test_a_root_that_goes_and_comes_back(running: Daemon, project: Path) -> None:
    shutil.rmtree(project)
    assert running.paths("retry_with_backoff") == []
    wait_for(lambda: running.project().state == "missing", "the state 'missing'")
    said = running.coco("status")
    assert said.returncode == 0
    assert "coco forget" in said.stdout + said.stderr
    write_project(project)
    (project / "shop" / "fresh.py").write_text("def a_fresh_function():\n    pass\n")
    wait_for(lambda: running.project().state == "ready", "the state 'ready'")
    assert running.paths("retry_with_backoff")[0] == "shop/retry.py"
    assert running.paths("a_fresh_function")[0] == "shop/fresh.py"
    # The watcher must be back as well, not only the listing.
    (project / "shop" / "later.py").write_text("def a_later_function():\n    pass\n")
    assert running.paths("a_later_function")[0] == "shop/later.py"
    (project / "shop" / "later.py").unlink()
    (project / "shop" / "fresh.py").unlink()


def test_a_root_that_is_moved_away_and_back(running: Daemon, project: Path) -> None:
    away = project.with_name("away")
    project.rename(away)
    assert running.paths("retry_with_backoff") == []
    (away / "shop" / "retry.py").rename(away / "shop" / "again.py")
    away.rename(project)
    wait_for(
        lambda: "shop/again.py" in running.paths("retry_with_backoff")[:1],
        "the renamed file at the top",
    )
    assert "shop/retry.py" not in running.paths("retry_with_backoff")
    (project / "shop" / "again.py").rename(project / "shop" / "retry.py")


def test_a_root_that_becomes_a_file(running: Daemon, project: Path) -> None:
    project.rename(project.with_name("away"))
    project.write_text("now a file\n", encoding="utf-8")
    assert running.paths("retry_with_backoff") == []
    wait_for(lambda: running.project().state == "missing", "the state 'missing'")
    project.unlink()
    project.with_name("away").rename(project)
    wait_for(lambda: running.project().state == "ready", "the state 'ready'")
    assert running.paths("retry_with_backoff")[0] == "shop/retry.py"


def test_everything_changes_its_type(running: Daemon, project: Path) -> None:
    names = ["shop/cart.py", "shop/retry.py", "web/router.ts", "tests/test_cart.py", "README.md"]
    texts = {name: (project / name).read_text(encoding="utf-8") for name in names}
    for _ in range(3):
        for name, text in texts.items():
            (project / name).unlink()
            inner = project / name / f"inner{Path(name).suffix}"
            inner.parent.mkdir()
            inner.write_text(text, encoding="utf-8")
        assert running.paths("retry_with_backoff")[:1] == ["shop/retry.py/inner.py"]
        assert running.paths("matchRoute")[:1] == ["web/router.ts/inner.ts"]
        for name, text in texts.items():
            shutil.rmtree(project / name)
            (project / name).write_text(text, encoding="utf-8")
        assert running.paths("retry_with_backoff")[:1] == ["shop/retry.py"]
        assert all("inner" not in (path or "") for path in running.paths("cart total price"))
    wait_for(lambda: running.project().files == len(texts) + 1, "exactly the files on disk")
    assert running.project().error is None
