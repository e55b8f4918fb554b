"""Rerankers on the command line: registered, listed, named in a search."""

import os
from pathlib import Path

import pytest

from coco_local.settings import load_settings
from tests.cross_encoder import cross_encoder
from tests.rerank_server import rerank_server


def settings_file() -> Path:
    return Path(os.environ["COCO_HOME"]) / "config.toml"


def test_a_directory_is_added_and_tried(coco, tmp_path) -> None:
    place = cross_encoder(tmp_path / 'a "quoted" place', max_tokens=128)
    result = coco("config", "add-reranker", "tiny v1".replace(" ", "-"), place, "--timeout", "9")
    result.prints(f"tiny-v1 is registered ({settings_file()}:1).")
    assert "coco restart" in result.err
    assert "warning" not in result.err
    added = load_settings(environ=os.environ).rerankers["tiny-v1"]
    assert (added.path, added.timeout_seconds) == (place, 9)


def test_what_stands_in_the_settings_stays(coco) -> None:
    path = settings_file()
    path.parent.mkdir(mode=0o700, parents=True)
    path.write_text("# mine\nport = 1\n[rerankers.old]\nurl = 'http://h/v1'", encoding="utf-8")
    before = path.read_text(encoding="utf-8")
    with rerank_server() as server:
        url, variable = server.url, "MY_KEY"
        options = ("--model", "m", "--api-key-env", variable, "--max-tokens", "256", "--json")
        entry = coco("config", "add-reranker", "far.v2", url, *options).data["reranker"]
    after = path.read_text(encoding="utf-8")
    assert after.startswith(before + "\n\n[rerankers.")
    # Its key is not there: it is registered all the same.
    assert (entry["state"], entry["kind"], entry["max_tokens"]) == ("unusable", "http", 256)
    assert "MY_KEY is not set" in entry["detail"]
    added = load_settings(environ=os.environ).rerankers["far.v2"]
    assert (added.url, added.model, added.api_key_env) == (url, "m", variable)
    coco("config", "add-reranker", "far.v2", url).fails("There is a reranker 'far.v2' already")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a b", "http://h/v1"), "is no name"),
        (("a", "http://h/v1", "--file", "x.onnx"), "has no meaning with url"),
        (("a", "directory", "--model", "m"), "has no meaning with path"),
        (("a", "http://h/v1", "--timeout", "0"), "outside 1 to 120"),
        (("a", "http://h/v1", "--api-key-env", "sk-123"), "not the key"),
    ],
)
def test_what_cannot_be_used_is_not_written(coco, arguments, said) -> None:
    coco("config", "add-reranker", *arguments).fails(said)
    assert not settings_file().exists()


def test_one_that_is_not_there_is_added_with_a_warning(coco, tmp_path) -> None:
    result = coco("config", "add-reranker", "late", tmp_path / "late")
    assert result.code == 0
    assert "warning: late is missing: There is no directory" in result.err
    listed = coco("config", "models", "--json").data["rerankers"]
    assert [(each["name"], each["state"]) for each in listed] == [("late", "missing")]
    shown = coco("config", "models")
    assert "reranker, onnx" in shown.out
    assert "warning: late: There is no directory" in shown.err


def test_a_search_names_one_that_is_registered(coco, shop) -> None:
    coco("query", "cart", "--rerank", "tiny").fails(
        "There is no reranker 'tiny' here; none is registered.",
        "hint: Add one: coco config add-reranker NAME",
    )
    coco("query", "cart", "--rerank-top-n", "5").fails("needs a reranker", "--rerank NAME")
    coco("query", "cart", "--rerank", "a", "--no-rerank").fails("excludes")
    assert coco("query", "cart", "--no-rerank").code == 0
