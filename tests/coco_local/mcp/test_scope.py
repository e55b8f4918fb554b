from __future__ import annotations

from pathlib import Path

import pytest

from coco_core.errors import InvalidInput, PathRefused, ProjectNotFound
from coco_core.globs import compile_glob, globs_below
from coco_local.mcp.scope import Caller, resolve_file, resolve_project
from coco_protocol.projects import ProjectBody
from tests.sources import commit, git


def body(root: Path, name: str | None = None) -> ProjectBody:
    name = name or root.name
    return ProjectBody(project_id=f"id-{name}", name=name, root=str(root), state="ready")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("app/src", "app/vendor/lib", "docs", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "app/src/main.py").write_text("x = 1\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def projects(tree: Path) -> list[ProjectBody]:
    return [body(tree / "app"), body(tree / "app/vendor/lib"), body(tree / "docs")]


@pytest.mark.parametrize(
    ("places", "chosen"),
    [
        # The innermost project around the caller, and the first place that is in one at all.
        (["app/src"], "app"),
        (["app/vendor/lib"], "lib"),
        (["elsewhere", "docs"], "docs"),
    ],
)
def test_where_the_caller_is_chooses_the_project(tree, projects, places, chosen):
    caller = Caller(places=tuple(tree / place for place in places))
    assert resolve_project(projects, caller).project.name == chosen


def test_a_project_apart_is_only_chosen_by_its_name(tree, projects):
    standalone = projects[1].model_copy(update={"standalone": True})
    known = [projects[0], standalone]
    inside = Caller(places=(tree / "app/vendor/lib",))
    assert resolve_project(known, inside).project.name == "app"
    assert resolve_project(known, inside, project="lib").project.name == "lib"
    assert resolve_project(known, Caller()).project.name == "app"


@pytest.fixture
def clone(tree: Path) -> Path:
    """A repository of its own inside `app`."""
    inner = tree / "app/clone"
    (inner / "src").mkdir(parents=True)
    (inner / "src/main.py").touch()
    git(inner, "init", "--quiet")
    return inner


def test_a_repository_inside_is_refused_until_it_is_a_project(tree, projects, clone):
    inside = Caller(places=(clone / "src", tree / "app"))
    ways = [
        (inside, {}),
        (Caller(), {"path": str(clone / "src")}),
        (Caller(places=(tree / "app",)), {"path": "clone/src"}),
        (Caller(project="app"), {"path": "clone"}),
        (Caller(), {"project": str(clone)}),
        (Caller(), {"project": "app", "path": "clone/src"}),
    ]
    for caller, arguments in ways:
        with pytest.raises(ProjectNotFound, match="repository of its own") as caught:
            resolve_project(projects, caller, **arguments)
        assert f"coco import {clone}" in (caught.value.hint or "")
    # A project that is named is meant, wherever the caller works.
    assert resolve_project(projects, inside, project="app").project.name == "app"
    known = [*projects, body(clone)]
    for caller, arguments in ways[:-1]:
        scope = resolve_project(known, caller, **arguments)
        within = "src" if str(arguments.get("path", "")).endswith("src") else ""
        assert (scope.project.name, scope.within) == ("clone", within), arguments
    with pytest.raises(PathRefused, match="lies in the project 'clone'"):
        resolve_project(known, Caller(), project="app", path="clone/src")


def test_a_work_tree_elsewhere_is_not_answered_by_the_only_project(tree, clone):
    commit(clone, "first")
    git(clone, "worktree", "add", "--quiet", str(tree / "linked"))
    with pytest.raises(ProjectNotFound, match="repository of its own") as caught:
        resolve_project([body(clone)], Caller(places=(tree / "linked",)))
    assert "work tree of the same repository as the project 'clone'" in (caught.value.hint or "")


def test_a_named_project_goes_before_where_the_caller_is(tree, projects):
    caller = Caller(places=(tree / "docs",))
    for name in ("app", "id-app", "APP", str(tree / "app"), str(tree / "app/src/main.py")):
        assert resolve_project(projects, caller, project=name).project.name == "app", name


def test_a_bound_caller_stays_in_its_project(tree, projects):
    caller = Caller(project="docs", places=(tree / "app",))
    assert resolve_project(projects, caller).project.name == "docs"


@pytest.mark.parametrize("base", ["app", "link"])
def test_an_absolute_path_brings_its_project_along(tree, projects, base):
    (tree / "link").symlink_to(tree / "app", target_is_directory=True)
    scope = resolve_project(projects, Caller(project="docs"), path=str(tree / base / "src/main.py"))
    assert (scope.project.name, scope.within) == ("app", "src/main.py")


def test_the_project_directory_itself_is_no_restriction(tree, projects):
    assert resolve_project(projects, Caller(), path=str(tree / "docs")).within == ""
    with pytest.raises(InvalidInput, match="not a file"):
        resolve_file(projects, Caller(), str(tree / "docs"), None)


def test_a_relative_path_is_the_project_s_or_the_caller_s(tree, projects):
    caller = Caller(places=(tree / "app/src",))
    assert resolve_project(projects, caller, path="src/main.py").within == "src/main.py"
    assert resolve_project(projects, caller, path="./main.py").within == "src/main.py"
    assert resolve_project(projects, caller, path="new/later.py").within == "new/later.py"


@pytest.mark.parametrize("path", ["../docs/x.md", "src/../../docs", "../../../../../../../../x"])
def test_a_path_may_not_lead_out(tree, projects, path):
    with pytest.raises((PathRefused, InvalidInput)):
        resolve_project(projects, Caller(project="app"), path=path)


def test_an_absolute_path_must_lie_in_the_named_project(tree, projects):
    with pytest.raises(PathRefused, match="outside the project 'app'"):
        resolve_project(projects, Caller(), project="app", path=str(tree / "docs/x.md"))


def test_nothing_imported_says_what_to_import(tree):
    with pytest.raises(ProjectNotFound) as caught:
        resolve_project([], Caller(places=(tree / "app",)))
    assert caught.value.hint == f"Import one first: coco import {tree / 'app'}"


def test_the_only_project_answers_and_says_that_it_is_another(tree, projects):
    scope = resolve_project(projects[:1], Caller(places=(tree / "elsewhere",)))
    assert scope.project.name == "app"
    assert scope.notice is not None
    assert f"coco import {tree / 'elsewhere'}" in scope.notice
    assert resolve_project(projects[:1], Caller()).notice is None
    # Nobody imports the whole home.
    assert resolve_project(projects[:1], Caller(places=(Path.home(), Path("/")))).notice is None


def test_several_projects_and_none_fits_lists_them(tree, projects):
    with pytest.raises(ProjectNotFound) as caught:
        resolve_project(projects, Caller(places=(tree / "elsewhere",)))
    assert "app, docs, lib" in caught.value.message
    assert f"coco import {tree / 'elsewhere'}" in (caught.value.hint or "")
    with pytest.raises(ProjectNotFound, match="none was named"):
        resolve_project(projects, Caller())


def test_unknown_and_ambiguous_names_are_explained(tree, projects):
    with pytest.raises(ProjectNotFound, match=r"no project 'shop'\. CoCo knows app, docs"):
        resolve_project(projects, Caller(), project="shop")
    twins = [body(tree / "app", "same"), body(tree / "docs", "same")]
    twins = [twin.model_copy(update={"project_id": twin.root}) for twin in twins]
    with pytest.raises(ProjectNotFound, match="2 projects are named 'same'"):
        resolve_project(twins, Caller(), project="same")


@pytest.mark.parametrize(
    ("within", "include", "inside", "outside"),
    [
        ("", ["*.py"], ["a/b.py"], ["a/b.md"]),
        ("src", [], ["src/a.py", "src/x/b.md"], ["lib/src/a.py", "srcs/a.py"]),
        ("src/a.py", [], ["src/a.py"], ["src/a.pyi", "lib/src/a.py"]),
        ("src", ["*.py"], ["src/a.py", "src/x/y/a.py"], ["a.py", "src/a.md"]),
        ("src", ["api/*.py", "/top.py"], ["src/api/a.py", "src/top.py"], ["api/a.py", "top.py"]),
        ("src", ["api/"], ["src/api/a.py", "src/x/api/b"], ["api/a.py"]),
        ("a[1]/{b}*", [], ["a[1]/{b}*/c.py"], ["a1/b/c.py", "a[1]/{b}x/c.py"]),
    ],
)
def test_globs_below_a_directory(within, include, inside, outside):
    patterns = [compile_glob(glob) for glob in globs_below(within, include)]
    for path in inside:
        assert any(pattern.fullmatch(path) for pattern in patterns), path
    for path in outside:
        assert not any(pattern.fullmatch(path) for pattern in patterns), path
