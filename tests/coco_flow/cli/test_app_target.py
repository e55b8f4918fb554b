"""How the name of an application is read, and how its file is loaded."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import coco_flow
from coco_flow.cli.app_target import split_target
from coco_flow.user_app_loader import AppNotLoaded, load_user_app, loaded_apps


@pytest.fixture(autouse=True)
def search_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        del sys.modules[name]
    for flow in coco_flow.flows().values():
        flow.close()


@pytest.mark.row("CLI-3 flow specifier")
@pytest.mark.row("CLI-4 Windows paths")
@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("app.py", ("app.py", None)),
        ("app.py:Flow", ("app.py", "Flow")),
        ("pkg.app:Flow_1", ("pkg.app", "Flow_1")),
        ("dir/app.py:My-App@staging", ("dir/app.py", "My-App@staging")),
        (r"C:\x\app.py", (r"C:\x\app.py", None)),
        (r"C:\x\app.py:Flow", (r"C:\x\app.py", "Flow")),
        ("C:/x/app.py:Flow", ("C:/x/app.py", "Flow")),
        ("C:app.py", ("C:app.py", None)),
        ("odd:dir/app.py", ("odd:dir/app.py", None)),
    ],
)
def test_a_target_splits_at_its_last_colon(text: str, parts: tuple[str, str | None]) -> None:
    assert split_target(text) == parts


@pytest.mark.parametrize("text", [":Flow", "app.py:", ":"])
def test_a_target_without_a_part_is_a_usage_error(text: str) -> None:
    with pytest.raises(click.UsageError):
        split_target(text)


def test_a_file_is_loaded_once_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "once_only.py").write_text("import coco_flow\nTIMES = []\nTIMES.append(1)\n")
    first = load_user_app(str(tmp_path / "once_only.py"))
    again = load_user_app(str(tmp_path / "." / "once_only.py"))
    assert first is again
    assert str(tmp_path / "once_only.py") in loaded_apps()


def test_neighbors_can_be_imported_also_later(tmp_path: Path) -> None:
    (tmp_path / "lazy_app.py").write_text(
        "def later():\n    import lazy_part\n    return lazy_part\n"
    )
    (tmp_path / "lazy_part.py").write_text("VALUE = 7\n")
    before = list(sys.path)
    module = load_user_app(str(tmp_path / "lazy_app.py"))
    assert sys.path == [*before, str(tmp_path)], "it must not hide what was found before"
    assert module.later().VALUE == 7


def test_a_file_called_like_another_module_does_not_take_its_place(tmp_path: Path) -> None:
    import queue

    (tmp_path / "queue.py").write_text("import queue as own_name\nVALUE = 1\n")
    module = load_user_app(str(tmp_path / "queue.py"))
    assert module.VALUE == 1
    assert sys.modules["queue"] is queue
    assert module.__name__.startswith("queue_")
    assert sys.modules[module.__name__] is module, "pickles find it"


def test_a_file_that_failed_can_be_loaded_once_it_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "mended.py"
    path.write_text("1 / 0\n")
    with pytest.raises(AppNotLoaded) as caught:
        load_user_app(str(path))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    path.write_text("VALUE = 2\n# longer than before, so that no cached bytecode is taken for it\n")
    assert load_user_app(str(path)).VALUE == 2
