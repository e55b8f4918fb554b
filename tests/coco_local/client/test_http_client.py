"""The client against services that behave, and against scripted ones that do not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from coco_core import errors
from coco_core.errors import (
    CocoError,
    Conflict,
    DaemonNotRunning,
    InvalidInput,
    JobNotFound,
    ProjectNotFound,
    Unavailable,
)
from coco_local.client.address import daemon_url
from coco_local.client.http_client import Client
from coco_local.settings import load_settings
from coco_protocol.configs import ConfigIdRequest
from coco_protocol.docs import DocumentRequest, DocumentsRequest, ImportRequest, QueryRequest
from coco_protocol.errors import error_envelope
from coco_protocol.jobs import JobBody, JobEvent, JobRequest
from coco_protocol.projects import ProjectRequest
from coco_protocol.system import ExplainRequest
from tests.daemon_process import Daemon, free_port, running_daemon
from tests.scripted_service import HEALTH, Answer, Script, scripted
from tests.sources import write_project


def job(state: str, done: int = 0) -> JobBody:
    return JobBody(job_id="j", kind="index", state=state, done=done, created_at=0.0)


def running(script: Script) -> None:
    script.send_json({"meta": {}, "data": job("running").model_dump(mode="json")})


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running_daemon(tmp_path_factory.mktemp("client") / "home") as daemon:
        yield daemon


def test_nothing_listens() -> None:
    with pytest.raises(DaemonNotRunning) as caught:
        Client(f"http://127.0.0.1:{free_port()}").projects()
    assert caught.value.message == "start the CoCo service first: coco start --detach"
    assert caught.value.hint is None


def test_every_route_of_a_real_daemon(daemon: Daemon, tmp_path: Path) -> None:
    root = write_project(tmp_path / "shop")
    with daemon.client as client:
        started = client.import_paths(ImportRequest(paths=[str(root)]))
        events = list(client.job_events(started.job_ids[0]))
        assert events[-1].job.state == "succeeded"
        assert [event.sequence for event in events] == sorted({e.sequence for e in events})
        # All was said: asking again for what comes after says nothing more.
        assert list(client.job_events(started.job_ids[0], events[-1].sequence)) == []
        project_id = started.project_ids[0]
        project = ProjectRequest(project_id=project_id)
        cart = DocumentRequest(doc_id="shop/cart.py", project_id=project_id)
        assert client.project(project).root == str(root)
        question = QueryRequest(query="retry_with_backoff", project_id=project_id)
        answer = client.query(question)
        assert answer.data.results[0].chunk.path == "shop/retry.py"
        assert answer.meta.project_id == project_id
        assert client.outline(cart).symbols
        assert client.chunks(cart).chunks
        assert client.documents(DocumentsRequest(project_id=project_id, limit=1)).documents
        assert client.explain(ExplainRequest(path=str(root / "shop/cart.py"))).indexed
        assert next(iter(client.stats_events())).health.pid == client.health().pid
        assert client.config(ConfigIdRequest(config_id="default")).config_id == "default"
        assert client.rescan(project).job_id
        assert client.forget(project).name == "shop"


def test_errors_come_back_as_the_class_that_was_raised(daemon: Daemon) -> None:
    with daemon.client as client:
        with pytest.raises(ProjectNotFound):
            client.project(ProjectRequest(project_id="nonsense"))
        with pytest.raises(JobNotFound) as caught:
            client.job(JobRequest(job_id="a b?c=%41"))
        assert "a b?c=%41" in caught.value.message
        with pytest.raises(JobNotFound):
            list(client.job_events("nonsense"))


@pytest.mark.parametrize("name", errors.__all__)
def test_each_error_survives_the_wire(name: str) -> None:
    kind: type[CocoError] = getattr(errors, name)
    raised = kind("What happened.", hint="What to do.", details={"value": 3})
    document = error_envelope(raised, "id").model_dump(mode="json")
    refuse = {"/v1/projects": lambda s: s.send_json(document, kind.status)}
    with scripted(refuse) as (client, _), pytest.raises(kind) as caught:
        client.projects()
    assert type(caught.value) is kind
    assert (caught.value.message, caught.value.hint) == (raised.message, raised.hint)
    assert caught.value.details["value"] == 3


def test_connections_are_used_again(daemon: Daemon) -> None:
    scripts: dict[str, Answer] = {
        "/v1/projects": lambda s: s.send_json({"meta": {}, "data": {"projects": []}})
    }
    with scripted(scripts) as (client, server):
        for _ in range(5):
            client.projects()
        assert len(server.connections) == 1


def test_a_connection_that_was_closed_meanwhile_is_replaced() -> None:
    def answer(script: Script) -> None:
        script.send_json({"meta": {}, "data": {"projects": []}})
        # Keep-alive was promised; a service that restarts closes nevertheless.
        script.close_connection = True

    with scripted({"/v1/projects": answer}) as (client, server):
        for _ in range(3):
            assert client.projects().projects == []
        assert len(server.connections) >= 3


def test_many_threads_share_a_client(daemon: Daemon) -> None:
    with daemon.client as client, ThreadPoolExecutor(8) as pool:
        pids = set(pool.map(lambda _: client.stats().health.pid, range(40)))
    assert len(pids) == 1


def test_another_major_version_says_restart() -> None:
    health = {**HEALTH, "api_version": 2}
    scripts: dict[str, Answer] = {
        "/v1/sys/health": lambda s: s.send_json({"meta": {}, "data": health})
    }
    with scripted(scripts) as (client, _), pytest.raises(Conflict) as caught:
        client.projects()
    assert "coco restart" in str(caught.value)


def test_a_newer_service_of_the_same_major_is_understood() -> None:
    body = {"project_id": "p", "name": "n", "root": "/r", "state": "ready", "novelty": [1, 2]}
    document = {"meta": {"novelty": 1}, "data": {"projects": [body], "more": True}}
    with scripted({"/v1/projects": lambda s: s.send_json(document)}) as (client, _):
        assert client.projects().projects[0].name == "n"


def test_an_answer_of_another_shape_says_restart() -> None:
    odd = {"/v1/projects": lambda s: s.send_json({"data": {"projects": 3}})}
    with scripted(odd) as (client, _), pytest.raises(Unavailable, match="coco restart"):
        client.projects()


def test_silence_ends_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.2)
        with pytest.raises(Unavailable, match=r"within 0\.2 s"):
            client.health()


@pytest.mark.parametrize("url", ["", "127.0.0.1:3456", "ftp://host", "http://"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(InvalidInput):
        Client(url)


def test_a_broken_event_stream_is_picked_up_where_it_was() -> None:
    asked: list[str] = []

    def events(script: Script) -> None:
        asked.append(script.path)
        if len(asked) == 1:
            script.send_events(JobEvent(sequence=1, job=job("running", 1)))
        else:
            script.send_events(
                JobEvent(sequence=2, job=job("running", 2)), JobEvent(sequence=3, job=job("failed"))
            )

    with scripted({"/v1/jobs/j/events": events, "/v1/jobs/j": running}) as (client, _):
        sequences = [event.sequence for event in client.job_events("j")]
    assert sequences == [1, 2, 3]
    assert [path.partition("?")[2] for path in asked] == ["after=0", "after=1"]


def test_a_stream_that_always_breaks_is_given_up() -> None:
    scripts: dict[str, Answer] = {
        "/v1/jobs/j/events": lambda s: s.send_events(),
        "/v1/jobs/j": running,
    }
    with scripted(scripts) as (client, _), pytest.raises(Unavailable, match="again and again"):
        list(client.job_events("j"))


def test_an_error_within_a_stream_is_raised() -> None:
    def events(script: Script) -> None:
        envelope = error_envelope(JobNotFound("It is gone."), "id").model_dump_json()
        script.send_stream(f"event: error\ndata: {envelope}")

    broken = {"/v1/jobs/j/events": events}
    with scripted(broken) as (client, _), pytest.raises(JobNotFound, match=r"It is gone\."):
        list(client.job_events("j"))


@pytest.mark.parametrize(
    ("lock", "url"),
    [
        (None, "http://127.0.0.1:4000"),
        ("", "http://127.0.0.1:4000"),
        ("{}", "http://127.0.0.1:4000"),
        ('{"host": "127.0.0.1", "port": 4711}', "http://127.0.0.1:4711"),
        ('{"host": "0.0.0.0", "port": 4711}', "http://127.0.0.1:4711"),
        ('{"host": "::", "port": 4711}', "http://[::1]:4711"),
        ('{"host": "192.0.2.7", "port": 4711}', "http://192.0.2.7:4711"),
    ],
)
def test_the_lock_says_where_the_daemon_listens(tmp_path: Path, lock: str | None, url: str) -> None:
    settings = load_settings({"home": tmp_path, "port": 4000}, environ={})
    if lock is not None:
        settings.home.lock.write_text(lock, encoding="utf-8")
    assert daemon_url(settings) == url


def test_discovery_finds_the_daemon_of_its_home_only(daemon: Daemon, tmp_path: Path) -> None:
    own = load_settings({"home": daemon.home}, environ={})
    with Client.discover(own) as client:
        assert client.health().home == str(daemon.home)
    other = load_settings({"home": tmp_path, "port": daemon.port}, environ={})
    with Client.discover(other) as client, pytest.raises(DaemonNotRunning) as caught:
        client.projects()
    assert str(daemon.home) in (caught.value.hint or "")
