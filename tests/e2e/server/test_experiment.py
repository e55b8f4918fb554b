"""`coco experiment` against a real server, with the figures that the local daemon gives."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from coco_experiments.comparison import METRICS, evaluate
from coco_experiments.results_file import read_results
from coco_server.dev.stack import DevAccess, DevStack
from tests.daemon_process import running_daemon
from tests.experiment_parts import write_pages, write_spec
from tests.programs import run_coco

Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("experiment")
    write_pages(place / "pages")
    write_spec(place / "experiment.yml")
    return place


@pytest.fixture(scope="module")
def access() -> Iterator[DevAccess]:
    with DevStack() as stack:
        assert stack.access is not None
        yield stack.access


def coco(place: Path, access: DevAccess, *arguments: str, **environ: str) -> Done:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COCO_")}
    keys = {
        "COCO_HOME": str(place / "home"),
        "COCO_KEY": access.api_key,
        "COCO_ADMIN": access.admin_key,
        "COCO_ORG": access.org_id,
        "COCO_USER": access.user_id,
    }
    return run_coco("experiment", *arguments, env={**kept, **keys, **environ}, cwd=place)


@pytest.fixture(scope="module")
def done(place: Path, access: DevAccess) -> Done:
    return coco(place, access, "run", "experiment.yml", "--server", access.url, "--out", "s.json")


def test_the_server_gives_the_daemons_figures(done: Done, place: Path, access: DevAccess) -> None:
    assert done.returncode == 0, done.stderr
    server = read_results(place / "s.json")
    assert server.target.product == "server"
    assert [each.documents for each in server.indexes] == [3, 3]
    with running_daemon(place / "local") as daemon:
        local_run = daemon.coco("experiment", "run", "experiment.yml", "--out", "l.json", cwd=place)
    assert local_run.returncode == 0, local_run.stderr
    local = read_results(place / "l.json")
    assert local.target.product == "local"
    for one, two in zip(evaluate(local), evaluate(server), strict=True):
        assert one.name == two.name
        for metric in METRICS:
            assert one.value(metric) == pytest.approx(two.value(metric), abs=1e-9), one.name
    assert [[(h.doc_id, h.fragment) for h in a.hits] for a in local.answers] == [
        [(h.doc_id, h.fragment) for h in a.hits] for a in server.answers
    ]


def test_a_second_run_uploads_and_builds_nothing(
    done: Done, place: Path, access: DevAccess
) -> None:
    again = coco(
        place, access, "run", "experiment.yml", "--server", access.url, "--out", "s2.json", "--json"
    )
    assert again.returncode == 0, again.stderr
    summary = json.loads(again.stdout)["data"]
    first = read_results(place / "s.json")
    assert summary["target"]["project_id"] == first.target.project_id
    assert [each["seconds"] for each in summary["indexes"]] == [None, None]
    assert [each["version_id"] for each in summary["indexes"]] == [
        each.version_id for each in first.indexes
    ]


def test_the_winner_answers_and_the_other_index_is_stale(
    done: Done, place: Path, access: DevAccess
) -> None:
    adopted = coco(place, access, "adopt", "s.json", "--index", "windows", "--query", "keywords")
    assert adopted.returncode == 0, adopted.stderr
    project_id = read_results(place / "s.json").target.project_id
    headers = {**access.headers, "x-coco-project-id": project_id}
    with httpx.Client(base_url=access.url, headers=headers, timeout=30) as client:

        def asked(**body: object) -> dict[str, object]:
            answer = client.post("/v1/docs/query", json={"query": "backups", **body})
            meta = answer.raise_for_status().json()["meta"]
            assert isinstance(meta, dict)
            return meta

        now = asked()
        assert (now["status"], now["indexing_config_id"]) == ("fresh", "windows")
        assert now["query_config_id"] == "keywords"
        assert asked(indexing_config_id="sections")["status"] == "stale"


def test_lines_wrong_keys_and_a_missing_admin_key_are_told(place: Path, access: DevAccess) -> None:
    lines = [{"question_id": "q1", "query": "port", "expected_doc_ids": ["guide.md:3-9"]}]
    write_spec(place / "lines.yml", evaluation_set=lines)
    refused = coco(place, access, "run", "lines.yml", "--server", access.url)
    assert refused.returncode == 1
    assert "lines.yml:" in refused.stderr and "guide.md:3-9" in refused.stderr

    wrong = coco(
        place, access, "run", "experiment.yml", "--server", access.url, COCO_KEY="coco_x_y"
    )
    assert wrong.returncode == 1 and "Traceback" not in wrong.stderr

    unable = coco(place, access, "run", "experiment.yml", "--server", access.url, COCO_ADMIN="")
    assert "COCO_ADMIN" in unable.stderr and "--project" in unable.stderr

    stranger = coco(place, access, "run", "experiment.yml", "--server", access.url, "-p", "prj_x")
    assert "'prj_x'" in stranger.stderr and "--project ID" in stranger.stderr

    nobody = coco(place, access, "run", "experiment.yml", "--server", "http://127.0.0.1:9")
    assert "does not answer" in nobody.stderr
