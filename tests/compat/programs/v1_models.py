"""Programs of v1 that read with models."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.compat.programs.program import Run, program, stand_in
from tests.compat.programs.services import asked_text, language_model, site
from tests.compat.programs.v0_images import only
from tests.compat.programs.v0_search import answers
from tests.compat.programs.v0_sources import HackerNews
from tests.llm_server import Received


@program("v1", "paper_metadata", doubled="OpenAI")
def paper_metadata(run: Run) -> None:
    """Titles, authors and abstracts of papers in three tables; keys are random numbers."""
    url = run.own_database("POSTGRES_URL")
    run.environment["COCOINDEX_DB"] = str(run.folder / "cocoindex.db")
    for path in (run.folder / "papers").iterdir():
        if path.name not in ("1706.03762v7.pdf", "1810.04805v2.pdf"):
            path.unlink()

    def read(received: Received) -> Any:
        attention = "Attention Is All You Need" in asked_text(received)
        names = ("Vaswani", "Shazeer") if attention else ("Devlin",)
        return {
            "title": "Attention" if attention else "BERT",
            "authors": [{"name": name, "email": None} for name in names],
            "abstract": "A short sentence about a model. " * 30,
        }

    schema = "coco_examples_v1"
    with language_model(run, read) as model:
        run.cocoindex("update", "main")
        authors = f"SELECT author_name FROM {schema}.author_papers ORDER BY 1"
        assert [row[0] for row in run.rows(authors, url)] == ["Devlin", "Shazeer", "Vaswani"]
        [(found, pages)] = run.rows(
            f"SELECT authors, num_pages FROM {schema}.paper_metadata WHERE title = 'BERT'", url
        )
        assert found == [{"name": "Devlin", "email": None, "affiliation": None}]
        assert pages == 16
        ids = f"SELECT id FROM {schema}.metadata_embeddings ORDER BY id"
        before = run.rows(ids, url)
        assert len(before) > 6
        run.cocoindex("update", "main")
        assert len(model.received) == 2
        assert run.rows(ids, url) == before
        assert len(answers(run.python("main.py", "a model"))) == 5
        (run.folder / "papers/1810.04805v2.pdf").unlink()
        run.cocoindex("update", "main")
        assert [row[0] for row in run.rows(authors, url)] == ["Shazeer", "Vaswani"]


@program("v1", "manuals_llm_extraction", doubled="docling: pypdf; OpenAI")
def manuals_llm_extraction(run: Run) -> None:
    """Nested structures out of manuals, by instructor."""
    url = run.own_database("POSTGRES_URL")
    run.modules.append(stand_in("documents"))
    run.environment["COCOINDEX_DB"] = str(run.folder / "cocoindex.db")

    def read(received: Received) -> Any:
        method = {"name": "m", "args": [{"name": "a"}]}
        module = {"title": asked_text(received).split()[0], "description": "", "methods": [method]}
        return {**module, "classes": [{"name": "C", "methods": [method, method]}]}

    with language_model(run, read) as model:
        run.cocoindex("update", "main")
        found = run.rows("SELECT * FROM coco_examples.modules_info ORDER BY filename", url)
        assert [row[0] for row in found] == sorted(
            path.name for path in (run.folder / "manuals").iterdir()
        )
        assert {row[3:5] for row in found} == {(1, 1)}
        assert json.loads(found[0][5])["classes"][0]["methods"][1]["args"][0]["name"] == "a"
        calls = len(model.received)
        run.cocoindex("update", "main")
        assert len(model.received) == calls


@program("v1", "hn_trending_topics", doubled="Hacker News, OpenAI")
def hn_trending_topics(run: Run) -> None:
    """Threads over HTTPS, their topics by LiteLLM, in two tables."""
    url = run.own_database("POSTGRES_URL")
    news = HackerNews()

    def topics(received: Received) -> Any:
        known = ("vector database", "Rust", "Vim", "Emacs", "editor")
        return {"topics": [name for name in known if name in asked_text(received)]}

    with site(run, "hn.algolia.com", news.answer), language_model(run, topics):
        run.environment["LLM_MODEL"] = "openai/gpt-4o"
        run.cocoindex("update", "main")
        query = "SELECT topic, message_id, thread_id FROM coco_examples.hn_topics ORDER BY 1, 2"
        assert run.rows(query, url) == [
            ("Emacs", "22", "2"),
            ("Rust", "1", "1"),
            ("Vim", "21", "2"),
            ("editor", "2", "2"),
            ("vector database", "1", "1"),
        ]
        output = run.python("main.py", typed="emacs\n\n")
        assert re.search(r"Rust +\(score: 5, threads: 1\)", output)
        assert "[comment] by reader: Emacs" in output
        del news.threads["1"]
        news.put("2", "Ask: which editor?", None, [("22", "Vim!")])
        run.cocoindex("update", "main")
        assert run.rows(query, url) == [("Vim", "22", "2"), ("editor", "2", "2")]


@program("v1", "audio_to_text", doubled="OpenAI")
def audio_to_text(run: Run) -> None:
    """Sound files, transcribed through LiteLLM."""
    url = run.own_database("POSTGRES_URL")
    run.environment["COCOINDEX_DB"] = str(run.folder / "cocoindex.db")
    only(run, "audio_files", {"a.wav": b"RIFF one", "b.mp3": b"ID3 two"})
    run.write("audio_files/notes.txt", "no sound")
    query = "SELECT filename, text FROM coco_examples.audio_transcriptions ORDER BY 1"

    def hear(received: Received) -> Any:
        return "one" if b"RIFF one" in received.raw else "two"

    with language_model(run, hear) as model:
        run.cocoindex("update", "main")
        found = run.rows(query, url)
        assert [(row[0].rpartition("/")[2], row[1]) for row in found] == [
            ("a.wav", "one"),
            ("b.mp3", "two"),
        ]
        (run.folder / "audio_files/a.wav").unlink()
        run.cocoindex("update", "main")
        assert len(run.rows(query, url)) == 1
        assert len(model.received) == 2
