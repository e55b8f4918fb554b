import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_core.errors import PathRefused, ProjectNotFound
from coco_local.cli.place import Place, choose_project
from coco_protocol.projects import ProjectBody


def project(root: Path, name: str = "demo") -> ProjectBody:
    return ProjectBody(project_id=f"id-{name}", name=name, root=str(root), state="ready")


NAMES = st.text("abc.-_ é", min_size=1, max_size=5).filter(lambda name: name not in {".", ".."})
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@given(path=PATHS, below=st.lists(NAMES, max_size=3))
def test_a_shown_path_leads_back_to_the_same_file(path: str, below: list[str]) -> None:
    root = Path("/nowhere/project")
    place = Place(project(root), root.joinpath(*below))
    shown = place.shown(path)
    assert os.path.normpath(place.cwd / shown) == str(root / path)
    assert place.doc_id(shown) == path


@given(path=PATHS)
def test_from_outside_a_shown_path_is_absolute(path: str) -> None:
    place = Place(project(Path("/nowhere/project")), Path("/elsewhere"))
    assert place.shown(path) == f"/nowhere/project/{path}"
    assert place.doc_id(place.shown(path)) == path


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "../project-two/x"])
def test_what_leads_out_is_refused(path: str) -> None:
    root = Path("/nowhere/project")
    with pytest.raises(PathRefused):
        Place(project(root), root).doc_id(path)


def test_a_linked_directory_is_the_project_it_leads_to(tmp_path: Path) -> None:
    real = tmp_path / "real"
    (real / "sub").mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(real)
    place = choose_project([project(real)], None, link / "sub")
    assert place.shown("a.py") == "../a.py"
    assert place.doc_id("b.py") == "sub/b.py"


def test_the_innermost_project_is_chosen(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    projects = [project(tmp_path / "outer", "outer"), project(inner, "inner")]
    assert choose_project(projects, None, inner / "deep").project.name == "inner"
    assert choose_project(projects, None, inner.parent).project.name == "outer"


def test_a_project_apart_is_only_chosen_by_its_own_directory(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner"
    (inner / "deep").mkdir(parents=True)
    standalone = project(inner, "inner").model_copy(update={"standalone": True})
    projects = [project(tmp_path / "outer", "outer"), standalone]
    assert choose_project(projects, None, inner).project.name == "outer"
    assert choose_project(projects, "deep", inner).project.name == "outer"
    assert choose_project(projects, str(inner), tmp_path).project.name == "inner"
    assert choose_project(projects, "inner", tmp_path).project.name == "inner"
    assert choose_project([standalone], None, inner / "deep").project.name == "inner"


def test_two_projects_of_one_name_are_told_by_their_ids(tmp_path: Path) -> None:
    one, two = project(tmp_path / "a"), project(tmp_path / "b")
    two = two.model_copy(update={"project_id": "id-two"})
    with pytest.raises(ProjectNotFound) as caught:
        choose_project([one, two], "demo", tmp_path)
    assert "id-demo" in str(caught.value)
    assert choose_project([one, two], "id-two", tmp_path).project is two


def test_without_any_project_the_way_to_add_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProjectNotFound, match=r"coco import \."):
        choose_project([], None, tmp_path)


def test_globs(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    place = Place(project(tmp_path), tmp_path / "src")
    assert place.globs(["*.py", "docs/**"]) == ["*.py", "docs/**"]
    assert place.globs(["./*.py", ".", "..", "../docs/*"]) == ["src/*.py", "src/**", "**", "docs/*"]
