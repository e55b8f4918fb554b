import shutil
import time

import pytest

from tests.sources import write_project


@pytest.fixture
def other(tmp_path, running, coco):
    """A second project that is gone after the test."""
    root = write_project(tmp_path / "other")
    yield root
    coco("forget", str(root), "--yes")


def test_import_waits_and_tells_the_project(coco, other) -> None:
    result = coco("import", other)
    assert result.code == 0
    assert result.out == f"other  {other}\n"
    assert "succeeded" in result.err
    # Indexed means found.
    assert coco("query", "matchRoute", "-p", "other", "-k", "1").code == 0


def test_import_as_json_has_the_finished_jobs(coco, other) -> None:
    data = coco("import", other, "--json").data
    assert len(data["project_ids"]) == 1
    assert [job["state"] for job in data["jobs"]] == ["succeeded"]
    assert data["jobs"][0]["job_id"] == data["job_ids"][0]


def test_import_without_waiting(coco, other) -> None:
    data = coco("import", other, "--no-wait", "--json").data
    assert "jobs" not in data
    assert data["job_ids"]


def test_import_is_idempotent(coco, other) -> None:
    first = coco("import", other, "--json").data["project_ids"]
    assert coco("import", other, "--json").data["project_ids"] == first


def test_import_recursive_registers_each_repository(coco, running, tmp_path) -> None:
    for name in ("one", "two"):
        write_project(tmp_path / "all" / name)
    result = coco("import", "--recursive", tmp_path / "all")
    assert result.code == 0
    assert {line.split()[0] for line in result.out.splitlines()} == {"one", "two"}
    for name in ("one", "two"):
        assert coco("forget", name, "-y").code == 0


@pytest.mark.parametrize(
    ("path", "said"), [("nothing", "does not exist"), ("file.txt", "is not a directory")]
)
def test_import_of_what_is_no_directory(coco, running, tmp_path, monkeypatch, path, said) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("x", encoding="utf-8")
    coco("import", path).fails(said)


def test_projects_lists_state_and_root(coco, shop) -> None:
    head, *rows = coco("projects").out.splitlines()
    assert head.split()[:3] == ["NAME", "STATE", "FILES"]
    row = next(row for row in rows if row.startswith("shop "))
    assert row.endswith(str(shop))
    listed = coco("projects", "--json").data["projects"]
    assert {project["root"] for project in listed} >= {str(shop)}


def test_forget_asks_and_without_a_terminal_refuses(coco, other, monkeypatch) -> None:
    assert coco("import", other).code == 0
    coco("forget", "other").fails("coco forget other --yes")
    assert coco("query", "cart", "-p", "other").code == 0
    coco("forget", "other", "--yes").prints("its files are as they were")
    assert (other / "README.md").exists()
    assert coco("query", "cart", "-p", "other").code == 1


def test_forget_takes_the_path_of_a_directory_that_is_gone(coco, running, tmp_path) -> None:
    root = write_project(tmp_path / "gone")
    assert coco("import", root).code == 0
    shutil.rmtree(root)
    assert coco("forget", str(root), "--yes").code == 0


def test_forget_of_something_unknown(coco, shop) -> None:
    coco("forget", "nonsense", "--yes").fails("There is no project 'nonsense'")


def test_index_waits_until_it_is_done(coco, other) -> None:
    assert coco("import", other).code == 0
    jobs = coco("index", "-p", "other", "--rebuild", "--json").data["jobs"]
    assert [job["state"] for job in jobs] == ["succeeded"]
    assert coco("query", "matchRoute", "-p", "other", "-k", "1").code == 0


def test_a_dry_run_tells_what_belongs_into_the_index(coco, shop) -> None:
    data = coco("index", "--dry-run", "--json").data
    assert {file["path"] for file in data["files"]} == {
        "README.md",
        "shop/cart.py",
        "shop/retry.py",
        "tests/test_cart.py",
        "web/router.ts",
        ".gitignore",
    }
    told = coco("index", "--dry-run")
    assert "6 files" in told.out
    assert "may hold a secret" in told.out
    assert set(coco("index", "--dry-run", "--files").out.splitlines()) == {
        file["path"] for file in data["files"]
    }


def test_prune_tells_what_it_would_do(coco, shop) -> None:
    assert coco("prune", "--dry-run").out.startswith("would remove ")
    assert coco("prune", "--dry-run", "--json").data["dry_run"] is True


def test_jobs_are_listed_shown_and_followed(coco, other) -> None:
    job_id = coco("import", other, "--json").data["job_ids"][0]
    assert job_id in coco("jobs").out
    assert coco("jobs", job_id, "--json").data["state"] == "succeeded"
    followed = coco("jobs", job_id, "--follow")
    assert followed.code == 0
    assert "succeeded" in followed.err
    events = coco("jobs", job_id, "--follow", "--json").out.splitlines()
    assert '"state":"succeeded"' in events[-1]


def test_jobs_that_do_not_exist(coco, running) -> None:
    for options in ([], ["--follow"], ["--cancel"]):
        coco("jobs", "nonsense", *options).fails("There is no job 'nonsense'")
    assert coco("jobs", "--follow").code == 1


def test_progress_is_drawn_on_a_terminal(on_terminal, other) -> None:
    began = time.monotonic()
    result = on_terminal("import", str(other))
    assert result.code == 0
    assert time.monotonic() - began < 30
    assert "succeeded" in result.out
