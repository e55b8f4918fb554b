"""Programs of v1 that write files."""

from __future__ import annotations

import json
from typing import Any

from tests.compat.programs.program import Run, program, stand_in
from tests.compat.programs.services import asked_text, language_model
from tests.compat.programs.v0_models import PATIENT, dspy_answer
from tests.llm_server import Received
from tests.waiting import until


def _names(run: Run, folder: str) -> list[str]:
    return sorted(path.name for path in (run.folder / folder).iterdir())


@program("v1", "files_transform")
def files_transform(run: Run) -> None:
    """A page for each file, once and live."""
    run.cocoindex("update", "main")
    assert _names(run, "output_html") == [
        "data__bizarre_animals.md.html",
        "data__chuck_norris.md.html",
    ]
    run.write("data/new.md", "# New\n\nA *new* page.\n")
    (run.folder / "data/chuck_norris.md").unlink()
    run.cocoindex("update", "main")
    new = run.folder / "output_html/data__new.md.html"
    assert _names(run, "output_html") == ["data__bizarre_animals.md.html", new.name]
    assert new.read_text("utf-8") == "<h1>New</h1>\n<p>A <em>new</em> page.</p>\n"
    written = new.stat().st_mtime_ns
    run.cocoindex("update", "main")
    assert new.stat().st_mtime_ns == written
    with run.started("-m", "cocoindex.cli", "update", "-L", "main"):
        run.write("data/new.md", "# Newer\n")
        until(lambda: new.read_text("utf-8") == "<h1>Newer</h1>\n")
        (run.folder / "data/new.md").unlink()
        until(lambda: not new.exists())
    run.cocoindex("drop", "-f", "main")
    assert not any((run.folder / "output_html").glob("*.html"))


@program("v1", "pdf_to_markdown", doubled="docling: pypdf")
def pdf_to_markdown(run: Run) -> None:
    """A text for each PDF, from its path."""
    run.modules.append(stand_in("documents"))
    names = [name.removesuffix(".pdf") + ".md" for name in _names(run, "pdf_files")]
    run.cocoindex("update", "main")
    assert _names(run, "out") == names
    (run.folder / "pdf_files" / names[0].replace(".md", ".pdf")).unlink()
    run.cocoindex("update", "main")
    assert _names(run, "out") == names[1:]


@program("v1", "multi_codebase_summarization", doubled="Gemini")
def multi_codebase_summarization(run: Run) -> None:
    """A description of each project beside this one, of what a model says of each file."""
    projects = run.folder.parent
    (projects / "one").mkdir()
    (projects / "one/a.py").write_text("def f(): ...\n")
    (projects / "one/b.py").write_text("def g(): ...\n")
    (projects / "two").mkdir()
    (projects / "two/c.py").write_text("def h(): ...\n")
    asked: list[str] = []

    def describe(received: Received) -> Any:
        text = asked_text(received)
        whole = text.startswith("Aggregate")
        name = next(n for n in ("a.py", "b.py", "c.py", "main.py", "models.py", "one") if n in text)
        asked.append("project" if whole else name)
        return json.dumps({"name": name, "summary": f"It is {name}."})

    with language_model(run, describe):
        run.environment["LLM_MODEL"] = "openai/gpt-4o"
        run.cocoindex("update", "main")
        assert _names(run, "output") == ["multi_codebase_summarization.md", "one.md", "two.md"]
        one = (run.folder / "output/one.md").read_text("utf-8")
        assert "### a.py" in one
        assert "It is b.py." in one

        assert sorted(asked) == ["a.py", "b.py", "c.py", "main.py", "models.py", *["project"] * 2]
        asked.clear()
        run.cocoindex("update", "main")
        assert asked == []
        (projects / "one/b.py").write_text("def g2(): ...\n")
        run.cocoindex("update", "main")
        assert sorted(asked) == ["b.py", "project"]


@program("v1", "patient_intake_extraction_baml", doubled="the client that BAML generates")
def patient_intake_extraction_baml(run: Run) -> None:
    """A structure for each form, as a file."""
    run.modules.append(stand_in("prompts"))
    run.cocoindex("update", "main")
    names = _names(run, "output_patients")
    assert len(names) == 4
    found = json.loads((run.folder / "output_patients" / names[0]).read_text("utf-8"))
    assert found["address"]["city"] == "Springfield"


@program("v1", "patient_intake_extraction_dspy", doubled="Gemini")
def patient_intake_extraction_dspy(run: Run) -> None:
    """The same with DSPy, whose model the program chooses."""

    def read(received: Received) -> Any:
        assert b"inline_data" in received.raw
        return dspy_answer()

    with language_model(run, read) as model:
        run.cocoindex("update", "main")
        names = _names(run, "output_patients")
        assert len(names) == 4
        found = json.loads((run.folder / "output_patients" / names[0]).read_text("utf-8"))
        assert found["name"] == PATIENT["name"]
        calls = len(model.received)
        run.cocoindex("update", "main")
        assert len(model.received) == calls
