"""Programs of other repositories that are written for v0."""

from __future__ import annotations

import json
import shutil
from urllib.parse import urlsplit

from tests.coco_flow.targets.qdrant_grpc import qdrant_grpc_server
from tests.compat.programs.program import Run, program, stand_in
from tests.compat.programs.services import drive, language_model
from tests.compat.programs.v0_images import only, picture
from tests.compat.programs.v0_models import PATIENT
from tests.compat.programs.v0_search import HENS, PYTHON, answers


@program("v0", ".", repository="cocoindex-io/cocoindex-quickstart")
def quickstart(run: Run) -> None:
    """The first program of CocoIndex's guide, with the older names of targets."""
    run.own_database()
    table = "textembeddingquickstart__doc_embeddings"
    for path in (run.folder / "markdown_files").iterdir():
        path.write_text(path.read_text("utf-8")[:3000], "utf-8")
    run.cocoindex("setup", "-f", "quickstart.py")
    run.cocoindex("update", "quickstart.py")
    names = {path.name for path in (run.folder / "markdown_files").iterdir()}
    assert {row[0] for row in run.rows(f"SELECT filename FROM {table}")} == names
    run.write("markdown_files/hens.md", HENS)
    run.cocoindex("update", "quickstart.py")
    output = run.python("quickstart.py", typed="when do chickens lay eggs\n\n")
    assert answers(output)[0][1] == "hens.md"
    (run.folder / "markdown_files/hens.md").unlink()
    run.cocoindex("update", "quickstart.py")
    assert {row[0] for row in run.rows(f"SELECT filename FROM {table}")} == names


@program(
    "v0", ".", repository="cocoindex-io/patient-intake-extraction", doubled="Google Drive, OpenAI"
)
def patient_intake_extraction(run: Run) -> None:
    """Forms from Google Drive, with a command line that older versions had."""
    run.own_database()
    with drive(run, "forms") as files, language_model(run, lambda _: PATIENT):
        files.put("e", "forms", b"%PDF-", "application/pdf", "e.pdf")
        form = run.folder / "data"
        for path in form.rglob("*.docx"):
            files.put("e", "forms", path.read_bytes(), "application/x-docx", path.name)
        run.python("main.py", "cocoindex", "setup", "-f")
        run.python("main.py", "cocoindex", "update")
        [(name, info)] = run.rows("SELECT filename, patient_info FROM patients_info")
        assert name.endswith(".docx")
        assert info == PATIENT


@program("v0", ".", repository="cocoindex-io/cocoindex-etl-with-document-ai", doubled="Document AI")
def etl_with_document_ai(run: Run) -> None:
    """An executor whose call is a coroutine, and a function without a decorator as a part."""
    run.own_database()
    run.modules.append(stand_in("document_ai"))
    run.environment |= {"GOOGLE_CLOUD_PROJECT_ID": "p", "GOOGLE_CLOUD_PROCESSOR_ID": "x"}
    only(run, "pdf_files", {"a.pdf": b"# A\n\nText of a.\n", "b.pdf": b"# B\n\nText of b.\n"})
    run.cocoindex("setup", "-f", "main.py")
    run.cocoindex("update", "main.py")
    table = "documentaipdfembedding__doc_embeddings"
    found = run.rows(f"SELECT filename, text, vector_dims(embedding) FROM {table} ORDER BY 1")
    assert found == [("a.pdf", "# A\n\nText of a.", 384), ("b.pdf", "# B\n\nText of b.", 384)]
    (run.folder / "pdf_files/a.pdf").unlink()
    run.cocoindex("update", "main.py")
    assert [row[0] for row in run.rows(f"SELECT filename FROM {table}")] == ["b.pdf"]


@program("v0", "cocoindex", repository="zulandar/railyard")
def railyard(run: Run) -> None:
    """Flows that a program opens by name, one for each part of a repository."""
    run.own_database()
    run.write("../project/index.py", PYTHON)
    run.write("../project/hens.md", HENS)
    build = ("main.py", "--track", "docs", "--repo-path", "../project", "--file-patterns")
    assert "Done." in run.python(*build, "*.md")
    python = ("main.py", "--track", "code", "--repo-path", "../project", "--language", "python")
    run.python(*python, "--file-patterns", "*.py")
    assert run.rows("SELECT filename FROM main_docs_embeddings") == [("hens.md",)]
    assert run.rows("SELECT filename FROM main_code_embeddings") == [("index.py",)]
    run.write("../project/waves.md", "# Waves\n")
    (run.folder / "../project/hens.md").unlink()
    run.python(*build, "*.md", "--force")
    assert run.rows("SELECT filename FROM main_docs_embeddings") == [("waves.md",)]


@program("v0", "src", repository="dragoscirjan/mcp-cocoindex")
def mcp_cocoindex(run: Run) -> None:
    """An indexer for a server: flows opened in a running loop and awaited by live updaters."""
    url = urlsplit(run.own_database())
    run.environment |= {
        "COCOINDEX_DB_HOST": url.hostname or "",
        "COCOINDEX_DB_PORT": str(url.port),
        "COCOINDEX_DB_NAME": url.path.strip("/"),
        "COCOINDEX_DB_USER": url.username or "",
        "COCOINDEX_DB_PASSWORD": url.password or "",
    }
    run.write("project/index.py", PYTHON)
    run.write("project/hens.md", HENS)
    script = """
import asyncio, json
from mcp_coco_index.config import CocoIndexConfig
from mcp_coco_index.indexer import CocoIndexer

async def main():
    indexer = CocoIndexer(CocoIndexConfig.from_env())
    built = await indexer.index_repository("project")
    again = await indexer.index_repository("project")
    found = await indexer.search("when do chickens lay eggs", built.name, limit=1)
    print("FOUND", json.dumps([built.file_count, again.chunk_count, found[0].file_path]))

asyncio.run(main())
"""
    output = run.python("-c", script)
    assert json.loads(output.partition("FOUND ")[2].splitlines()[0]) == [2, 2, "hens.md"]


@program("v0", ".", repository="Frosselet/COCOINDEX_LEARNING", doubled="ColQwen; poppler; Qdrant")
def cocoindex_learning(run: Run) -> None:
    """A package of flows and functions: pages of PDF files as multi-vectors, and a search loop."""
    run.own_database()
    run.modules += [stand_in("vision"), stand_in("documents")]
    shutil.rmtree(run.folder / "pdfs")
    pdf = run.checkout / "pdfs/tiny_fonts_spacing.pdf"
    only(run, "pdfs", {"small.pdf": pdf.read_bytes(), "red.png": picture("red")})
    # The native gRPC library resolves no names through Python: it needs the port as written.
    with qdrant_grpc_server(6334) as (_, store):
        run.cocoindex("update", "--setup", "-f", "main.py")
        points, _ = store.scroll("DocumentEmbeddings", limit=100)
        assert {(point.payload or {})["filename"] for point in points} == {"small.pdf", "red.png"}
        output = run.python("main.py", typed="red\nquit\n")
        assert "red.png" in output.partition("  2. ")[0]
        (run.folder / "pdfs/small.pdf").unlink()
        run.cocoindex("update", "main.py")
        assert len(store.scroll("DocumentEmbeddings", limit=100)[0]) == 1
