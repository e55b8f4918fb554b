"""The programs of examples/flow, run as their README says."""

from __future__ import annotations

import importlib.util
import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import httpx
import numpy as np
import pytest
import uvicorn

import coco_flow
from tests.coco_flow.functions.documents import report_pdf
from tests.coco_flow.sources.git_work import GitWork
from tests.flow_parts import flow_state
from tests.model_fixture import installed_model, models_root
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples" / "flow"

Load = Callable[..., ModuleType]
_numbers = itertools.count()


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Return a function that runs an example as a program of its own, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    before = set(sys.modules)

    def load_example(name: str | Path, **variables: str) -> ModuleType:
        for flow in coco_flow.flows().values():
            flow.close()
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.delitem(sys.modules, "text_search", raising=False)
        path = name if isinstance(name, Path) else EXAMPLES / f"{name}.py"
        spec = importlib.util.spec_from_file_location(f"example_{next(_numbers)}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module

    with flow_state(tmp_path):
        yield load_example
    for name in set(sys.modules) - before:
        if name == "text_search" or name.startswith("example_"):
            del sys.modules[name]


QUESTIONS = {
    "how long do I bake a loaf in the oven?": "bread.md",
    "the tube of my wheel has a hole": "bicycle.md",
    "change the password of the wireless network": "router.md",
    "there is air in the radiator": "heating.md",
    "until when must the tax return be filed?": "taxes.md",
    "may the cat drink milk?": "cat.md",
    "reduce the sails when the wind grows": "boat.md",
    "how often should a piano be tuned?": "piano.md",
    "what to pack for a flight": "travel.md",
    "my espresso tastes bitter": "coffee.md",
}


@pytest.mark.row("TXT-2 markdown search")
@pytest.mark.row("QRY-6 same embedder")
@pytest.mark.row("EX-2 catalogue coverage")
def test_questions_find_their_notes_and_a_chunk_finds_itself(load: Load) -> None:
    example = load("text_search")
    example.text_search.setup()
    assert not example.text_search.update().has_errors
    for question, filename in QUESTIONS.items():
        hits = example.search(question, limit=3).results
        assert filename in [hit["filename"] for hit in hits], question
    text = example.search("blight on tomatoes", limit=1).results[0]["text"]
    output = example.search(text)
    assert output.results[0]["text"] == text
    assert output.results[0]["score"] == pytest.approx(1, abs=1e-5)
    assert output.query_info.similarity_metric.value == "CosineSimilarity"
    assert len(output.results) == 5


@pytest.mark.row("TXT-7 interactive loop")
def test_the_loop_ends_with_an_empty_line(
    load: Load, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = load("text_search")
    lines = iter(["my espresso tastes bitter", ""])
    monkeypatch.setattr("builtins.input", lambda _prompt: next(lines))
    example.main()
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("docs: 12 source rows: 12 added")
    assert len(printed) == 1 + 3
    assert "coffee.md: # Coffee" in printed[1]
    assert list(lines) == []


@pytest.mark.row("TXT-6 swap embedder")
def test_another_model_embeds_every_chunk_again(load: Load, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    for name in ("coffee.md", "piano.md"):
        shutil.copy(EXAMPLES / "notes" / name, notes)
    installed_model()
    models = str(models_root() / "models")
    vectors = {}
    for model in ("coco-static", "all-MiniLM-L6-v2"):
        example = load("text_search", DOCS=str(notes), MODEL=model, COCO_EMBED_MODEL_DIR=models)
        example.text_search.setup()
        info = example.text_search.update()
        with example.closing(example.connect_sqlite(example.INDEX)) as connection:
            rows = connection.execute("SELECT text, embedding FROM chunks").fetchall()
        vectors[model] = {text: np.frombuffer(data, np.float32) for text, data in rows}
        assert example.search("sour espresso", limit=1).results[0]["filename"] == "coffee.md"
    assert info.stats == {"docs": {"num_reprocesses": 2}}
    old, new = vectors.values()
    assert old.keys() == new.keys()
    assert not any(np.allclose(old[text], new[text]) for text in old)


@pytest.mark.row("TXT-3 code search")
@pytest.mark.row("EX-2 catalogue coverage")
def test_a_hit_in_code_has_the_lines_that_it_was_cut_from(load: Load, tmp_path: Path) -> None:
    code = tmp_path / "code"
    shutil.copytree(EXAMPLES, code)
    (code / "node_modules").mkdir()
    (code / "node_modules" / "library.py").write_text("def render_markdown(): ...", "utf-8")
    (code / "lib.rs").write_text("pub fn parse_header(line: &str) -> usize { line.len() }", "utf-8")
    example = load("code_search", CODE=str(code))
    example.code_search.setup()
    example.code_search.update()
    (hit, *_) = example.search("render markdown as html").results
    assert hit["filename"] == "html_files.py"
    assert "MarkdownIt().render" in hit["text"]
    (rust, *_) = example.search("parse header line").results
    assert (rust["filename"], rust["language"]) == ("lib.rs", "rust")
    for hit in example.search("a search function with a limit", limit=10).results:
        lines = (code / hit["filename"]).read_text("utf-8").splitlines()
        cut = "\n".join(lines[hit["first_line"] - 1 : hit["last_line"]])
        assert hit["text"] in cut
        assert cut.split("\n")[0].strip() == hit["text"].split("\n")[0].strip()
        assert cut.split("\n")[-1].strip() == hit["text"].split("\n")[-1].strip()
        assert "node_modules" not in hit["filename"]


@pytest.mark.row("EX-2 catalogue coverage")
def test_a_hit_in_a_pdf_has_its_page(load: Load, tmp_path: Path) -> None:
    pdfs = tmp_path / "pdfs"
    pdfs.mkdir()
    (pdfs / "report.pdf").write_bytes(report_pdf())
    (pdfs / "broken.pdf").write_bytes(report_pdf()[:200])
    example = load("pdf_search")
    example.pdf_search.setup()
    assert example.pdf_search.update().stats == {"files": {"num_insertions": 1, "num_errors": 1}}
    (hit, *_) = example.search("sold more machines than ever").results
    assert (hit["filename"], hit["page"]) == ("report.pdf", 1)


@pytest.mark.row("OP-8 custom target")
@pytest.mark.row("EX-2 catalogue coverage")
def test_pages_follow_the_texts_and_a_drop_removes_its_own(load: Load, tmp_path: Path) -> None:
    docs, html = tmp_path / "docs", tmp_path / "html"
    (docs / "how").mkdir(parents=True)
    (docs / "a.md").write_text("# One", "utf-8")
    (docs / "how" / "to.md").write_text("*Two*", "utf-8")
    example = load("html_files", DOCS=str(docs), HTML=str(html))

    def pages() -> dict[str, str]:
        return {p.name: p.read_text("utf-8").removeprefix(example.MARK) for p in html.iterdir()}

    flow = example.html_files
    flow.setup()
    flow.update()
    assert pages() == {"a.html": "<h1>One</h1>\n", "how-to.html": "<p><em>Two</em></p>\n"}
    (docs / "a.md").write_text("# Three", "utf-8")
    (docs / "b.md").write_text("new", "utf-8")
    (docs / "how" / "to.md").unlink()
    flow.update()
    assert pages() == {"a.html": "<h1>Three</h1>\n", "b.html": "<p>new</p>\n"}
    (html / "mine.html").write_text("mine", "utf-8")
    flow.drop()
    assert pages() == {"mine.html": "mine"}
    (html / "mine.html").unlink()
    flow.setup()
    flow.drop()
    assert not html.exists()


@pytest.mark.row("DEP-1 REST search")
@pytest.mark.row("IMG-4 service with live index")
@pytest.mark.row("EX-2 catalogue coverage")
def test_the_service_answers_and_finds_what_is_saved_while_it_runs(
    load: Load, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    shutil.copytree(EXAMPLES / "notes", notes)
    example = load("search_service", DOCS=str(notes))
    server = uvicorn.Server(uvicorn.Config(example.app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            until(lambda: len(_found(client, "espresso", 50)) > 12)
            hits = client.get("/search", params={"q": "my espresso tastes bitter", "limit": 3})
            assert [set(hit) for hit in hits.json()] == [{"filename", "text", "score"}] * 3
            assert hits.json()[0]["filename"] == "coffee.md"
            assert len(client.get("/search", params={"q": "x"}).json()) == 5
            assert client.get("/search").status_code == 422
            assert client.get("/search", params={"q": "x", "limit": 0}).status_code == 422
            assert client.get("/healthz").json() == {"status": "ok"}
            (notes / "telescope.md").write_text("# Telescope\n\nCollimate the mirror.", "utf-8")
            until(lambda: "telescope.md" in _found(client, "collimate the mirror", 1))
    finally:
        server.should_exit = True
        thread.join()
    assert not [t for t in threading.enumerate() if t.name.startswith("coco-flow-live")]


def _found(client: httpx.Client, question: str, limit: int) -> list[str]:
    hits = client.get("/search", params={"q": question, "limit": limit}).json()
    return [hit["filename"] for hit in hits]


@pytest.mark.row("TXT-4 swap source")
def test_another_source_is_another_line(load: Load, tmp_path: Path) -> None:
    work = GitWork(tmp_path / "repository")
    work.write({path.name: path.read_bytes() for path in (EXAMPLES / "notes").iterdir()})
    work.commit()
    text = (EXAMPLES / "text_search.py").read_text("utf-8")
    (line,) = re.findall(r"LocalFile\(path=DOCS.*?\)", text)
    swapped = tmp_path / "swapped.py"
    swapped.write_text(
        text.replace(
            line, f"GitRepository(path={work.path!r}, included_patterns=['*.md'])"
        ).replace("sources import LocalFile", "sources import GitRepository"),
        "utf-8",
    )
    found = []
    for number, path in enumerate((EXAMPLES / "text_search.py", swapped)):
        example = load(path, INDEX=str(tmp_path / f"{number}.db"), DOCS=str(EXAMPLES / "notes"))
        example.text_search.setup()
        assert example.text_search.update().total("num_insertions") == 12
        hits = example.search("sourdough", limit=3).results
        found.append([(hit["filename"], hit["text"], hit["score"]) for hit in hits])
        example.text_search.drop()
    assert found[0] == found[1]


@pytest.mark.row("EX-1 example projects")
def test_the_commands_of_the_readme_run_in_a_clean_checkout(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES, tmp_path / "examples" / "flow")
    readme = (EXAMPLES / "README.md").read_text("utf-8")
    commands = re.findall(r"```bash\n(.*?)```", readme, re.DOTALL)[0].splitlines()
    assert len(commands) >= 6
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COCO_FLOW_", "DOCS", "INDEX", "HTML", "MODEL", "CODE"))
    }
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "coco-flow"
        ended = subprocess.run(
            [sys.executable, "-m", "coco_flow.cli", *arguments],
            capture_output=True, text=True, encoding="utf-8", check=False, cwd=tmp_path,
            env=environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert ended.returncode == 0, f"{command}: {ended.stderr}"
    listed = set(re.findall(r"^\| \[(\w+\.py)\]", readme, re.MULTILINE))
    assert listed == {path.name for path in EXAMPLES.glob("*.py")}
