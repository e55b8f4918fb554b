"""Work trees and clones as people and agents use them: never another repository's code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from coco_core.errors import CocoError, InvalidInput, PathRefused, ProjectNotFound
from coco_local.daemon.runtime import LocalDaemon
from coco_protocol.docs import (
    DocumentRequest,
    FiltersBody,
    ImportRequest,
    QueryRequest,
    ReadRequest,
    RelatedRequest,
)
from coco_protocol.grep import GrepRequest
from coco_protocol.jobs import JobBody, JobRequest
from coco_protocol.projects import ProjectRequest, RegisterRequest
from tests.daemon_process import Daemon
from tests.local_daemon import local_daemon
from tests.sources import git, write_project
from tests.waiting import until

LOCAL = ("-c", "protocol.file.allow=always")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LocalDaemon]:
    with local_daemon(tmp_path / "home") as daemon:
        yield daemon


@pytest.fixture
def shop(tmp_path: Path, service: LocalDaemon) -> Path:
    """An indexed repository with a clone, a submodule and an ignored work tree inside."""
    library = write_project(tmp_path / "library")
    root = write_project(tmp_path / "store")
    (root / ".git/info/exclude").write_text(".agents/\n", encoding="utf-8")
    git(root, "worktree", "add", "-q", ".agents/a")
    git(root, "clone", "-q", str(library), "clone")
    git(root, *LOCAL, "submodule", "add", "-q", str(library), "sub")
    imported(service, root)
    return root


def imported(service: LocalDaemon, *roots: Path) -> list[JobBody]:
    data = service.import_paths(ImportRequest(paths=[str(root) for root in roots]))
    jobs = [JobRequest(job_id=job_id) for job_id in data.job_ids]
    until(lambda: all(service.job(job).finished_at for job in jobs))
    return [service.job(job) for job in jobs]


@pytest.mark.parametrize("inner", [".agents/a", "clone", "sub"])
def test_no_operation_answers_for_another_repository(
    service: LocalDaemon, shop: Path, inner: str
) -> None:
    place = str(shop / inner / "shop")
    file, inside = "shop/cart.py", f"{inner}/shop/cart.py"
    asked = [
        lambda: service.query(QueryRequest(query="cart", path=place)),
        lambda: service.grep(GrepRequest(pattern="Cart", path=place)),
        lambda: service.read(ReadRequest(doc_id=file, path=place)),
        lambda: service.outline(DocumentRequest(doc_id=file, path=place)),
        lambda: service.chunks(DocumentRequest(doc_id=file, path=place)),
        lambda: service.related(RelatedRequest(doc_id=file, line=1, path=place)),
    ]
    for ask in asked:
        with pytest.raises(ProjectNotFound) as caught:
            ask()
        assert str(shop / inner) in caught.value.message
        assert f"coco import {shop / inner}" in (caught.value.hint or "")
    # The same by names that begin at the root of the project around it.
    only = FiltersBody(include=[f"/{inner}/**"])
    (project,) = service.projects().projects
    named = project.project_id
    asked = [
        lambda: service.query(QueryRequest(query="cart", project_id=named, filters=only)),
        lambda: service.grep(
            GrepRequest(pattern="Cart", project_id=named, include=[f"{inner}/shop/*.py"])
        ),
        lambda: service.read(ReadRequest(doc_id=inside, project_id=named)),
        lambda: service.outline(DocumentRequest(doc_id=inside, project_id=named)),
        lambda: service.related(RelatedRequest(doc_id=inside, line=1, project_id=named)),
    ]
    for ask in asked:
        with pytest.raises(PathRefused) as refused:
            ask()
        assert f"coco import {shop / inner}" in (refused.value.hint or "")
    imported(service, shop / inner)
    with pytest.raises(PathRefused, match="Ask the project") as refused:
        service.read(ReadRequest(doc_id=inside, project_id=named))
    (shop / inner / file).write_text("def only_here(): ...\n", encoding="utf-8")
    found = service.grep(GrepRequest(pattern="only_here", path=place)).matches
    assert [(match.path, match.line) for match in found] == [(file, 1)]


def test_an_import_with_a_refused_directory_registers_none(
    service: LocalDaemon, tmp_path: Path
) -> None:
    good = write_project(tmp_path / "good")
    write_project(tmp_path / "ws/one")
    with pytest.raises(InvalidInput, match="no files of its own"):
        service.import_paths(ImportRequest(paths=[str(good), str(tmp_path / "ws")]))
    assert service.projects().projects == []


def test_a_project_and_a_part_of_it_come_and_go_in_any_order(
    service: LocalDaemon, shop: Path
) -> None:
    (whole,) = service.projects().projects
    part = service.register(RegisterRequest(path=str(shop / "shop")))
    assert (part.project_id, part.created) == (whole.project_id, False)
    assert "is part of the project" in part.notices[0]
    files = {"shop/cart.py", "shop/retry.py", "web/router.ts"}
    apart = service.register(RegisterRequest(path=str(shop / "shop"), standalone=True))
    assert apart.project_id != whole.project_id

    def files_of(project_id: str, text: str) -> set[str]:
        request = GrepRequest(pattern=text, regex=True, project_id=project_id)
        return {match.path for match in service.grep(request).matches}

    both = "class Cart|def retry|matchRoute"
    until(lambda: files_of(apart.project_id, both) == {"cart.py", "retry.py"})
    assert files_of(whole.project_id, both) == files
    (shop / "shop/new.py").write_text("class Cart: ...\n", encoding="utf-8")
    assert "shop/new.py" in files_of(whole.project_id, both)
    assert "new.py" in files_of(apart.project_id, both)
    service.forget(ProjectRequest(project_id=apart.project_id))
    assert files_of(whole.project_id, both) == files | {"shop/new.py"}
    service.register(RegisterRequest(path=str(shop / "shop"), standalone=True))
    service.forget(ProjectRequest(project_id=whole.project_id))
    until(lambda: files_of(apart.project_id, both) == {"cart.py", "retry.py", "new.py"})
    found = service.grep(GrepRequest(pattern="class Cart", path=str(shop / "shop")))
    assert {match.path for match in found.matches} == {"cart.py", "new.py"}


@pytest.mark.skipif(sys.platform != "linux", reason="counts the watches of inotify")
def test_only_what_may_be_indexed_is_watched_and_rules_take_effect(
    service: LocalDaemon, tmp_path: Path
) -> None:
    root = tmp_path / "watched"
    for number in range(40):
        (tmp_path / f"data/set/{number}").mkdir(parents=True)
        (root / f"node_modules/m{number}").mkdir(parents=True)
    (root / "src").mkdir()
    (root / "src/a.py").write_text("first = 1\n", encoding="utf-8")
    (root / "set").symlink_to(tmp_path / "data/set", target_is_directory=True)
    (root / ".gitignore").write_text("/set\n/gen/\n", encoding="utf-8")
    (root / "gen/deep").mkdir(parents=True)
    before = watches()
    imported(service, root)
    # The root, src, and the directory of the proofs.
    assert watches() - before == 3

    def files_with(text: str) -> set[str]:
        found = service.grep(GrepRequest(pattern=text, path=str(root)))
        return {match.path for match in found.matches}

    (root / "src/a.py").write_text("second = 2\n", encoding="utf-8")
    assert files_with("second") == {"src/a.py"}
    (root / "gen/deep/g.py").write_text("second = 2\n", encoding="utf-8")
    (root / ".gitignore").write_text("/set\n", encoding="utf-8")
    until(lambda: files_with("second") == {"src/a.py", "gen/deep/g.py"})
    (root / "gen/deep/g.py").write_text("third = 3\n", encoding="utf-8")
    assert files_with("third") == {"gen/deep/g.py"}
    (root / ".gitignore").write_text("/set\n/gen/\n", encoding="utf-8")
    until(lambda: files_with("third") == set())
    until(lambda: watches() - before == 3)


def test_a_file_that_is_tracked_in_an_ignored_directory_is_watched(
    service: LocalDaemon, tmp_path: Path
) -> None:
    root = write_project(tmp_path / "forced")
    imported(service, root)

    def files_with(text: str) -> set[str]:
        found = service.grep(GrepRequest(pattern=text, path=str(root)))
        return {match.path for match in found.matches}

    assert files_with("generated_symbol") == set()
    git(root, "add", "--force", "build/output.py")
    until(lambda: files_with("generated_symbol") == {"build/output.py"})
    (root / "build/output.py").write_text("edited = 1\n", encoding="utf-8")
    assert files_with("edited") == {"build/output.py"}


def watches() -> int:
    """Return how many watches this process holds."""
    held = Path("/proc/self/fdinfo").iterdir()
    return sum(_text(each).count("inotify wd") for each in held)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        # A descriptor that was closed meanwhile.
        return ""


def test_a_work_tree_shares_every_vector(full_daemon: Daemon, project: Path) -> None:
    git(project, "worktree", "add", "-q", "../linked")
    linked = project.parent / "linked"
    with full_daemon.client as client:
        (known,) = client.projects().projects
        with pytest.raises(CocoError, match="only what differs from it is embedded"):
            client.query(QueryRequest(query="cart", path=str(linked)))
        data = client.import_paths(ImportRequest(paths=[str(linked)]))
        job = JobRequest(job_id=data.job_ids[0])
        until(lambda: client.job(job).finished_at)
        counts = client.job(job).counts
        assert (counts["embedded"], counts["reused"]) == (0, known.chunks)
        # Nor is anything parsed again.
        assert (counts["parsed"], counts["copied"]) == (0, known.files)
        (linked / "shop/new.py").write_text("def brand_new(): ...\n", encoding="utf-8")
        answer = client.query(QueryRequest(query="brand_new", path=str(linked)))
        assert answer.data.results[0].chunk.path == "shop/new.py"
        around = client.query(QueryRequest(query="brand_new", path=str(project))).data.results
        assert "shop/new.py" not in {hit.chunk.path for hit in around}
