"""`coco experiment compare`: the table at any width, in a pipe and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from coco_experiments import Results
from tests.experiment_results import RANKS, made_results

STRATEGIES = list(RANKS)


def written(path: Path, results: Results) -> Path:
    path.write_text(json.dumps(results.to_dict()), encoding="utf-8")
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "results.json", made_results())


def rows(out: str, head: str) -> dict[str, list[str]]:
    """Return the cells below a head line by the first cell."""
    lines = out.splitlines()
    start = next(at for at, line in enumerate(lines) if line.split()[:2] == head.split())
    table = {}
    for line in lines[start + 1 :]:
        if not line.strip():
            break
        first, *cells = line.split()
        table[first] = cells
    return table


def test_in_a_pipe_each_strategy_has_one_line_with_every_figure(coco, file) -> None:
    result = coco("experiment", "compare", file)
    assert result.code == 0
    assert result.err == ""
    table = rows(result.out, "STRATEGY RECALL@3")
    assert list(table) == STRATEGIES
    recall, precision, mrr, ndcg, hit_rate, p50, *_ = table["small/words"]
    assert (recall, precision, mrr, ndcg, hit_rate) == (
        "1.000*",
        "0.333*",
        "1.000*",
        "1.000*",
        "1.000*",
    )
    assert p50 == "14.5*"
    assert table["small/meaning"][3] == "0.552"
    assert table["large/words"][3] == "1.000*"
    assert "\x1b" not in result.out
    assert "by hand: 8 questions, the first 3 hits" in result.out


def test_differences_are_put_into_words(coco, file) -> None:
    out = coco("experiment", "compare", file).out
    assert "small/words is best by nDCG@3: 1.000." in out
    assert "It is clearly ahead of small/meaning." in out
    table = rows(out, "STRATEGY VERDICT")
    assert table["small/meaning"][:2] == ["worse", "-0.448"]
    assert table["large/meaning"][0] == "unclear"
    assert "'Unclear' means that these questions do not decide" in out


def test_another_baseline(coco, file) -> None:
    out = coco("experiment", "compare", file, "--baseline", "small/meaning").out
    assert "nDCG@3 against small/meaning, question by question:" in out
    assert rows(out, "STRATEGY VERDICT")["small/words"][:2] == ["better", "+0.448"]


def test_what_moved_most_is_shown_with_who_won(coco, file) -> None:
    out = coco("experiment", "compare", file).out
    assert "q2  where is thing 2?\n  1.000  small/words and 1 more\n  0.000  large/meaning\n" in out


def test_another_cutoff(coco, file) -> None:
    result = coco("experiment", "compare", file, "--k", "1")
    assert rows(result.out, "STRATEGY RECALL@1")["small/meaning"][0] == "0.000"
    deep = coco("experiment", "compare", file, "-k", "9")
    assert "warning: words was asked for 3 hits only" in deep.err


def test_groups_in_a_pipe_name_themselves_in_each_line(coco, file) -> None:
    out = coco("experiment", "compare", file, "--by", "language").out
    lines = out[out.index("STRATEGY       LANGUAGE") :].splitlines()
    assert lines[1].split()[:3] == ["small/words", "de", "4"]
    assert len(lines) == 1 + 2 * len(STRATEGIES)
    tags = coco("experiment", "compare", file, "--by", "tag", "--json").data["groups"]
    assert [group["tag"] for group in tags] == ["easy", "even", "hard", "odd"]


def test_groups_that_are_not_there_are_told(coco, tmp_path) -> None:
    results = made_results()
    questions = tuple(replace(each, tags=()) for each in results.experiment.questions)
    bare = replace(results, experiment=replace(results.experiment, questions=questions))
    done = coco("experiment", "compare", written(tmp_path / "bare.json", bare), "--by", "tag")
    assert done.code == 0
    assert "No question has a tag" in done.err


def test_as_json(coco, file) -> None:
    data = coco("experiment", "compare", file, "--json").data
    assert data["k"] == 3
    assert data["best"] == "small/words"
    assert [each["name"] for each in data["strategies"]] == STRATEGIES
    assert {each["verdict"] for each in data["differences"]} == {"worse", "the same", "unclear"}
    assert "groups" not in data


def test_files_are_merged_and_told_apart(coco, file, tmp_path) -> None:
    other = written(tmp_path / "later.json", made_results({"small/words": RANKS["small/meaning"]}))
    out = coco("experiment", "compare", file, other).out
    table = rows(out, "STRATEGY RECALL@3")
    assert next(iter(table)) == "results:small/words"
    assert list(table)[-1] == "later:small/words"
    assert coco("experiment", "compare", file, file).code == 1
    # The same name in another directory is told apart by its path.
    (tmp_path / "b").mkdir()
    same = written(tmp_path / "b" / "results.json", made_results())
    named = coco("experiment", "compare", file, same, "--json").data["strategies"]
    assert named[0]["name"] == f"{file}:small/words"


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_a_terminal_is_never_too_narrow(on_terminal, file, width) -> None:
    result = on_terminal("experiment", "compare", str(file), COLUMNS=str(width), NO_COLOR="1")
    assert result.code == 0
    lines = result.out.replace("\r", "").splitlines()
    assert max(map(len, lines)) <= width
    heads = [line for line in lines if line.startswith("STRATEGY") and "VERDICT" not in line]
    shown = " ".join(heads)
    for head in ("RECALL@3", "NDCG@3", "P50 MS", "P99 MS", "BUILD", "SIZE"):
        assert head in shown
    assert len(heads) >= (1 if width >= 120 else 2)


def test_long_names_stand_once_and_numbers_for_them(on_terminal, tmp_path) -> None:
    long = "a" * 60
    ranks = {f"{long}/words": (1, 2), f"{long}/meaning": (2, 2)}
    path = written(tmp_path / "long.json", made_results(ranks))
    out = on_terminal("experiment", "compare", str(path), COLUMNS="80", NO_COLOR="1").out
    table = rows(out.replace("\r", ""), "# RECALL@3")
    assert list(table) == ["1", "2"]
    assert f"1  {long}/words" in out


def test_a_terminal_shows_control_characters_harmlessly(on_terminal, tmp_path) -> None:
    results = made_results()
    first, *others = results.experiment.questions
    evil = (replace(first, query="\x1b]0;taken\x07 where?"), *others)
    path = written(
        tmp_path / "evil.json",
        replace(results, experiment=replace(results.experiment, questions=evil, name="\x1b[2J")),
    )
    out = on_terminal("experiment", "compare", str(path), NO_COLOR="1").out
    assert "\x1b" not in out
    assert "^[[2J" in out


def test_the_page_is_written(coco, file, tmp_path) -> None:
    page = tmp_path / "report.html"
    result = coco("experiment", "compare", file, "--html", page)
    assert result.code == 0
    assert f"wrote {page}" in result.err
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "small/meaning" in text
    refused = coco("experiment", "compare", file, "--html", tmp_path / "none" / "report.html")
    assert refused.code == 1
    assert "cannot be written" in refused.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--baseline", "small/wrods"), "Did you mean 'small/words'?"),
        (("none.json",), "cannot be read"),
    ],
)
def test_what_is_not_there_is_told(coco, file, arguments, said) -> None:
    result = coco("experiment", "compare", file, *arguments)
    assert result.code == 1
    assert said in result.err


@pytest.mark.parametrize("arguments", [("--by", "colour"), ("--k", "0"), ()])
def test_a_wrong_command_line(coco, file, arguments) -> None:
    given = (file, *arguments) if arguments else ()
    assert coco("experiment", "compare", *given).code == 2


def test_a_file_of_another_kind_is_told_with_its_field(coco, tmp_path) -> None:
    path = tmp_path / "other.json"
    path.write_text('{"format": 1, "experiment": {}}', encoding="utf-8")
    result = coco("experiment", "compare", path)
    assert result.code == 1
    assert "experiment" in result.err
    path.write_text("not json", encoding="utf-8")
    assert coco("experiment", "compare", path).code == 1
