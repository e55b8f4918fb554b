import pytest

from coco_local.cli.progress import follow_jobs, job_line, report_failures
from coco_local.cli.terminal import Terminal
from coco_protocol.jobs import JobBody
from coco_protocol.projects import ProjectBody, ProjectList
from tests.scripted_service import Answer, scripted


def job(state: str = "running", **fields: object) -> JobBody:
    values = {"job_id": "j", "kind": "index", "project_id": "p", "created_at": 0.0, **fields}
    return JobBody.model_validate({"state": state, **values})


def answers(model) -> Answer:
    return lambda script: script.send_json({"meta": {}, "data": model.model_dump(mode="json")})


@pytest.mark.slow
def test_a_project_that_cannot_be_worked_on_is_not_waited_for(capsys) -> None:
    broken = ProjectBody(project_id="p", name="demo", root="/r", state="error", error="No disk.")
    scripts = {
        "/v1/jobs/j": answers(job(stage="indexing", total=9)),
        "/v1/projects": answers(ProjectList(projects=[broken])),
    }
    with scripted(scripts) as (client, _):
        (followed,) = follow_jobs(Terminal(), client, ["j"], {"p": "demo"})
    assert followed.state == "failed"
    assert report_failures(Terminal(), [followed])
    assert "No disk." in capsys.readouterr().err


def test_a_job_is_followed_to_a_stage_and_no_further(capsys) -> None:
    states = iter([job(stage="indexing", total=9), job(stage="embedding", done=1, total=90)])
    script: Answer = lambda s: answers(next(states))(s)  # noqa: E731 - as short as what it says
    with scripted({"/v1/jobs/j": script}) as (client, _):
        (followed,) = follow_jobs(Terminal(), client, ["j"], {}, last_stage="embedding")
    assert (followed.state, followed.stage) == ("running", "embedding")
    # Nothing failed: it goes on without being watched.
    assert not report_failures(Terminal(), [followed])


def test_a_job_that_is_forgotten_was_over(capsys) -> None:
    gone: Answer = lambda script: script.send_json(  # noqa: E731 - as short as what it says
        {"meta": {}, "error": {"code": "job_not_found", "message": "Gone."}}, 404
    )
    with scripted({"/v1/jobs/a": gone, "/v1/jobs/j": answers(job("succeeded"))}) as (client, _):
        assert [job.job_id for job in follow_jobs(Terminal(), client, ["a", "j"], {})] == ["j"]


@pytest.mark.slow
def test_without_a_terminal_a_stage_is_told_once(capsys) -> None:
    states = iter(
        [
            job("queued"),
            *[job(stage="indexing", done=done, total=9) for done in range(5)],
            job("succeeded", counts={"files": 9}),
        ]
    )
    script: Answer = lambda s: answers(next(states))(s)  # noqa: E731 - as short as what it says
    scripts = {"/v1/jobs/j": script, "/v1/projects": answers(ProjectList(projects=[]))}
    with scripted(scripts) as (client, _):
        follow_jobs(Terminal(), client, ["j"], {"p": "demo"})
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "index demo: queued",
        "index demo: indexing; 0 of 9",
        "index demo: succeeded; files 9",
    ]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (job("queued", project_id=None), "index: queued"),
        (
            job(stage="embedding", done=1000, total=2000, rate=50.0, eta_seconds=20.0),
            "index demo: embedding; 1,000 of 2,000; 50 per second; 20 s left",
        ),
        (
            job("failed", started_at=1.0, finished_at=63.0, error="No disk."),
            "index demo: failed; in 1 min 2 s; No disk.",
        ),
    ],
)
def test_a_job_in_one_line(body, line) -> None:
    assert job_line(body, {"p": "demo"}) == line
