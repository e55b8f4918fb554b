"""The page: nothing but itself, whatever stands in questions and excerpts."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from coco_core.configs import IndexingConfig
from coco_experiments import Expected, Question, Results
from coco_experiments.report.merging import ResultsSource, merge
from coco_experiments.report.page import answers as answers_module
from coco_experiments.report.page import render
from coco_experiments.report.significance import findings
from tests.experiment_results import hit, made_results, with_questions

HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>\"'&"
CHROMIUM = shutil.which("chromium")


class Page(HTMLParser):
    """Elements, ids and attributes of a page, and the texts of its style and scripts."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: dict[str, str] = {}
        self._within = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        kind = dict(attrs).get("type") or ""
        self._within = f"{tag} {kind}".strip() if tag in {"script", "style"} else ""

    def handle_data(self, data: str) -> None:
        if self._within:
            self.texts[self._within] = self.texts.get(self._within, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def values(self, name: str) -> list[str]:
        return [value for _, each, value in self.attributes if each == name]

    @property
    def data(self) -> Any:
        return json.loads(self.texts["script application/json"])


def page_of(*results: Results) -> str:
    comparison = merge([ResultsSource(f"file{at}", each) for at, each in enumerate(results, 1)])
    best = comparison.best
    return render(comparison, best, findings(comparison, best)).decode()


def hostile_results() -> Results:
    results = made_results()
    questions = [
        replace(
            each,
            question_id=f"{HOSTILE}{at}",
            query=f"{HOSTILE} {at}",
            tags=(HOSTILE,),
            language=HOSTILE,
            expected=(*each.expected, Expected(f"{HOSTILE}.md")),
        )
        for at, each in enumerate(results.experiment.questions)
    ]
    results = with_questions(results, questions)
    return replace(
        results,
        experiment=replace(results.experiment, name=HOSTILE),
        target=replace(results.target, project_name=HOSTILE),
        answers=tuple(
            replace(
                each,
                hits=(
                    *(replace(one, excerpt=HOSTILE, heading_trail=(HOSTILE,)) for one in each.hits),
                    hit(f"{HOSTILE}.md"),
                ),
            )
            for each in results.answers
        ),
    )


def test_the_page_loads_nothing() -> None:
    page = Page(page_of(made_results()))
    for name in ("src", "href", "action", "poster", "data", "srcset", "xlink:href"):
        assert all(value.startswith(("#", "data:")) for value in page.values(name)), name
    style = page.texts["style"]
    assert "url(" not in style
    assert "@import" not in style
    assert not page.tags.keys() & {"iframe", "object", "embed", "base", "form", "img"}


def test_the_policy_allows_this_style_and_this_script_and_nothing_else() -> None:
    page = Page(page_of(made_results()))
    [policy] = [value for value in page.values("content") if "default-src" in value]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for kind, text in (("style-src", page.texts["style"]), ("script-src", page.texts["script"])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'"
    # What the policy forbids is not there: neither style attributes nor handlers.
    names = {name for _, name, _ in page.attributes}
    assert "style" not in names
    assert not [name for name in names if name.startswith("on")]
    # Text of repositories becomes text nodes only.
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", page.texts["script"]
    )


def test_hostile_text_stays_text() -> None:
    plain, hostile = Page(page_of(made_results())), Page(page_of(hostile_results()))
    assert hostile.tags["script"] == 2
    assert hostile.tags["img"] == 0
    assert not [name for _, name, _ in hostile.attributes if name.startswith("on")]
    assert hostile.texts["script"] == plain.texts["script"]
    data = hostile.data
    assert data["questions"][0]["query"] == f"{HOSTILE} 0"
    assert data["excerpts"] == [HOSTILE, "Some text."]
    assert html.escape(HOSTILE, quote=False)[:30] in page_of(hostile_results())


def test_text_that_is_no_unicode_does_not_break_the_page() -> None:
    results = made_results()
    questions = [
        replace(each, query=f"{each.query} \udcff\x00\u2028", tags=("\udcff",))
        for each in results.experiment.questions
    ]
    page = Page(page_of(with_questions(results, questions)))
    assert page.data["questions"][0]["query"].endswith("\udcff\x00\u2028")


def test_every_link_leads_somewhere_and_every_label_exists() -> None:
    page = Page(page_of(made_results()))
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    for target in page.values("href"):
        if target.startswith("#"):
            assert target[1:] in ids
    for label in page.values("aria-labelledby"):
        assert label in ids
    # Whoever scrolls by keyboard must reach what is wider than the page.
    regions = [value for tag, name, value in page.attributes if name == "tabindex"]
    assert regions
    assert set(regions) == {"0"}


def test_all_sections_and_all_strategies_are_there() -> None:
    source = page_of(made_results())
    for part in ("summary", "quality", "speed", "differences", "by-tag", "by-language", "indexes"):
        assert f'id="{part}"' in source
    assert source.count("(best)") >= 5
    assert "small/words is best by nDCG@3: 1.000." in source
    assert "10 parsed, 0 taken over" in source


def test_one_strategy_has_no_differences_and_no_division_by_nothing() -> None:
    source = page_of(made_results({"a/x": (1, 0, 2)}))
    assert 'id="differences"' not in source
    assert "a/x is best by nDCG@3" in source


def test_answers_say_ranks_gains_and_what_only_repeats() -> None:
    results = made_results({"a/x": (1, 0)})
    question = Question(
        "q1", "two things?", (Expected("d.md#one", 1.0), Expected("d.md", 0.5), Expected("e.md"))
    )
    results = with_questions(results, [question, results.experiment.questions[1]])
    first = replace(
        results.answers[0], hits=(hit("x.md"), hit("d.md", "one"), hit("d.md", "two"), hit("d.md"))
    )
    page = Page(page_of(replace(results, answers=(first, *results.answers[1:]))))
    [answer] = page.data["questions"][0]["answers"]
    assert answer["ranks"] == [2, 2, 0]
    # Gain, and whether it was expected at all: the last two only repeat.
    assert [(gain, wanted) for _, gain, wanted in answer["hits"]] == [
        (0, 0),
        (1.0, 1),
        (0, 1),
        (0, 1),
    ]
    places = [page.data["passages"][at][0] for at, _, _ in answer["hits"]]
    assert places[:2] == ["x.md:3-9", "d.md:3-9"]


def test_an_error_and_a_question_that_was_not_asked_are_told() -> None:
    results = made_results({"a/x": (1, 1), "a/y": (1, 1)})
    answers = (replace(results.answers[0], hits=(), error="503 <busy>"), *results.answers[1:-1])
    page = Page(page_of(replace(results, answers=answers)))
    first, second = page.data["questions"]
    assert first["answers"][0]["error"] == "503 <busy>"
    assert second["answers"][1] is None


def test_a_strategy_that_was_asked_nothing_has_a_row_without_figures() -> None:
    results = made_results()
    answers = tuple(each for each in results.answers if each.index_id != "small")
    page = Page(page_of(replace(results, answers=answers)))
    assert page.data["questions"][0]["answers"][:2] == [None, None]
    assert "NaN" in page.values("data-value")


def test_hits_of_the_server_have_no_lines_and_name_their_section() -> None:
    results = made_results()
    answers = tuple(
        replace(
            each,
            hits=tuple(replace(one, start_line=None, end_line=None) for one in each.hits),
        )
        for each in results.answers
    )
    page = Page(page_of(replace(results, answers=answers)))
    assert "right-1.md#thing-1" in {place for place, _, _ in page.data["passages"]}


def test_passages_stand_once_and_excerpts_shrink_when_there_are_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    results = made_results()
    answers = tuple(
        replace(
            each, hits=tuple(replace(one, excerpt=f"{one.doc_id} {'x' * 390}") for one in each.hits)
        )
        for each in results.answers
    )
    results = replace(results, answers=answers)
    whole = Page(page_of(results)).data
    assert len(whole["passages"]) == len({tuple(each) for each in whole["passages"]})
    assert max(map(len, whole["excerpts"])) > 390
    monkeypatch.setattr(answers_module, "_MOST_CHARACTERS", 2_000)
    assert max(map(len, Page(page_of(results)).data["excerpts"])) == 121
    monkeypatch.setattr(answers_module, "_MOST_CHARACTERS", 10)
    none = Page(page_of(results)).data
    assert none["excerpts"] == []
    assert {number for _, _, number in none["passages"]} == {-1}


def test_more_indexes_than_colors_are_grey() -> None:
    ranks = {f"i{at}/x": (1, 2) for at in range(8)}
    colors = [each["color"] for each in Page(page_of(made_results(ranks))).data["strategies"]]
    assert colors == ["c0", "c1", "c2", "c3", "c4", "c5", "cx", "cx"]


def test_an_index_that_was_there_says_so() -> None:
    results = made_results()
    built = tuple(
        replace(each, seconds=None, bytes=None, parsed=None, embedded=None)
        for each in results.indexes
    )
    source = page_of(replace(results, indexes=built))
    assert "was there" in source
    assert "not told" in source
    assert isinstance(results.experiment.indexes[0], IndexingConfig)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_browser_runs_the_script_and_nothing_of_the_text(tmp_path: Path) -> None:
    assert CHROMIUM is not None
    file = tmp_path / "report.html"
    file.write_text(page_of(hostile_results()), encoding="utf-8")
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            file.as_uri(),
        ],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )
    drawn = Page(done.stdout)
    assert drawn.tags["details"] == 9
    assert "8 of 8 questions" in done.stdout
    assert "<title>taken</title>" not in done.stdout
    assert drawn.tags["script"] == 2
    assert drawn.tags["img"] == 0
