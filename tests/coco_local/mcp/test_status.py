"""Tool `status`: what can be searched now, and what to do where something is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from coco_core.errors import ProjectNotFound
from coco_local.mcp.arguments import StatusArguments
from coco_local.mcp.budget import estimate_tokens
from coco_local.mcp.scope import Caller
from coco_local.mcp.status import status
from coco_protocol.local import LocalService
from coco_protocol.projects import ProjectBody, ProjectList, SkippedFile
from coco_protocol.system import ModelBody


def answer(service, project: Path, **arguments: object) -> list[str]:
    text = status(service, Caller(places=(project,)), StatusArguments(**arguments))
    assert estimate_tokens(text) <= StatusArguments(**arguments).max_tokens
    return text.split("\n")


def project_body(**values: object) -> ProjectBody:
    return ProjectBody(
        **{"project_id": "p", "name": "app", "root": "/app", "state": "ready", **values}
    )


def test_it_marks_where_one_works_first(service, project, tmp_path):
    (tmp_path / "a zoo").mkdir()
    service.add_directory(tmp_path / "a zoo")
    assert answer(service, project) == [
        "CoCo 0.1.0, model all-MiniLM-L6-v2: missing (coco setup); "
        "search goes by words until it is ready",
        f"* shop: ready, 3 files ({project})",
        f"  a zoo: ready, 0 files ({tmp_path / 'a zoo'})",
    ]


def test_a_model_on_its_way_and_a_ready_one(service, project):
    service.model = ModelBody(name="m", state="downloading", progress=0.4)
    assert answer(service, project)[0] == (
        "CoCo 0.1.0, model m: downloading 40%; search goes by words until it is ready"
    )
    service.model = ModelBody(name="m", state="ready")
    assert answer(service, project)[0] == "CoCo 0.1.0, model m: ready"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"state": "embedding", "files": 9, "chunks": 40, "embedded": 10}, "9 files found by "),
        ({"state": "embedding", "files": 9, "chunks": 40, "embedded": 10}, "25% of them by mean"),
        ({"state": "indexing", "files": 20, "files_total": 400}, "indexing, 20 of 400 files so"),
        ({"state": "scanning"}, "grep and read see all of them already"),
        ({"state": "missing"}, "directory is gone (coco forget removes it)"),
        ({"state": "error", "error": "disk full"}, "error: disk full (coco doctor says"),
        ({"state": "empty"}, "nothing indexed yet"),
        ({"pending_files": 1}, "1 changed file searched as text until indexed"),
        (
            {"skipped": 2, "skipped_files": [SkippedFile(path="a.bin", reason="too large.")]},
            "2 not readable, e.g. a.bin: too large (/app)",
        ),
        ({"watch": "polling", "watch_hint": "Raise the limit."}, "; Raise the limit (/app)"),
    ],
)
def test_each_state_says_what_it_means(service, values, said):
    body = project_body(**values)
    service.answer(LocalService.projects, lambda _: ProjectList(projects=[body]))
    assert said in answer(service, Path("/app"))[1]


def test_many_projects_keep_to_the_budget(service):
    bodies = [project_body(project_id=f"p{n}", name=f"n{n}", root=f"/r/{n}") for n in range(200)]
    service.answer(LocalService.projects, lambda _: ProjectList(projects=bodies))
    lines = answer(service, Path("/r/150"), max_tokens=300)
    assert lines[1] == "* n150: ready, 0 files (/r/150)"
    assert lines[-1] == f"(and {200 - (len(lines) - 2)} more projects)"


def test_it_answers_even_when_no_project_fits(service, tmp_path):
    service.add_directory(tmp_path)
    nowhere = Caller(places=(Path("/nowhere"),))
    text = status(service, nowhere, StatusArguments())
    assert "coco import /nowhere" in text
    with pytest.raises(ProjectNotFound, match="no project 'x'"):
        status(service, nowhere, StatusArguments(project="x"))
    service.known.clear()
    assert "No project yet: coco import PATH" in status(service, nowhere, StatusArguments())
