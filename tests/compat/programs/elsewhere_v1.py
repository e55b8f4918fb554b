"""Programs of other repositories that are written for v1."""

from __future__ import annotations

import re
import shutil

from tests.compat.programs.program import Run, program, register_model
from tests.compat.programs.v0_search import HENS, PYTHON, answers


@program("v1", "src", repository="DCSlucifer/CocoIndex-practice")
def cocoindex_practice(run: Run) -> None:
    """An application that updates, follows and drops itself, over texts, code and PDF files."""
    url = run.own_database("POSTGRES_URL")
    run.environment |= {
        "COCOINDEX_DB": str(run.folder / "cocoindex.db"),
        "EMBED_PROVIDER": "sentence_transformers",
    }
    run.modules.append(run.folder)
    docs = run.folder / "../data/docs"
    shutil.rmtree(docs)
    run.write("../data/docs/hens.md", HENS)
    run.write("../data/docs/index.py", PYTHON)
    run.write("../data/docs/notes.json", "{}")
    run.python("indexing/flow.py", "update")
    query = "SELECT source_path, section_title, page_number FROM rag.doc_chunks ORDER BY 1"
    found = [(row[0].rpartition("/")[2], *row[1:]) for row in run.rows(query, url)]
    assert found == [("hens.md", "Hens", 1), ("index.py", None, 1)]
    (docs / "index.py").unlink()
    run.python("indexing/flow.py", "update")
    assert len(run.rows(query, url)) == 1
    run.python("indexing/flow.py", "drop")
    [(left,)] = run.rows("SELECT to_regclass('rag.doc_chunks')", url)
    assert left is None


@program("v1", "templates", repository="zulandar/cocoindex-mcp")
def cocoindex_mcp(run: Run) -> None:
    """A template for any project, set up by a YAML file beside it."""
    url = run.own_database("POSTGRES_URL")
    run.environment["COCOINDEX_DB"] = str(run.folder / "cocoindex.db")
    run.write(
        "cocoindex.yaml",
        "project: demo\nport: 5432\npatterns:\n  included: ['**/*.md', '**/*.rs']\n"
        "  excluded: ['**/docs', '**/README.md']\n",
    )
    run.write("../hens.md", HENS)
    run.write("../main.rs", "fn main() {}\n")
    run.cocoindex("update", "main.py")
    query = "SELECT DISTINCT filename FROM demo_cocoindex.code_embeddings ORDER BY 1"
    assert [row[0].rpartition("/")[2] for row in run.rows(query, url)] == ["hens.md", "main.rs"]
    (run.folder / "../main.rs").unlink()
    run.cocoindex("update", "main.py")
    assert [row[0].rpartition("/")[2] for row in run.rows(query, url)] == ["hens.md"]


@program("v1", "cocoindex", repository="dumconstantin/engine")
def engine(run: Run) -> None:
    """Code of the repository that the program lies in, and a search."""
    url = run.own_database("POSTGRES_URL")
    run.environment["COCOINDEX_DB"] = str(run.folder / "cocoindex.db")
    for path in (run.folder / "..").iterdir():
        if path.name != "cocoindex":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    run.write("../packages/hens.ts", "// When hens lay eggs.\nexport const hour = 7;\n")
    run.write("../packages/hens.test.ts", "test();\n")
    run.write("../packages/waves.tsx", "// Waves.\nexport const speed = 3e8;\n")
    run.cocoindex("update", "main.py")
    query = "SELECT DISTINCT filename FROM engine_index.code_embeddings ORDER BY 1"
    names = [row[0] for row in run.rows(query, url)]
    assert [name.rpartition("/")[2] for name in names] == ["hens.ts", "waves.tsx"]
    output = run.python("main.py", "when do chickens lay eggs")
    assert answers(output)[0][1].endswith("hens.ts")


# Outcomes that depend on the machine and not on the flows: a typer whose `Exit` is not click's, a
# pathspec that is newer than the program's, and a Python whose sqlite3 loads no extensions.
_ELSEWHERE = {
    "tests/test_file_walk.py::test_inverted_gitignore_keeps_source_directories_traversable",
    "tests/test_cli_helpers.py::test_require_project_root_exits_when_not_initialized",
    "tests/test_cli_helpers.py::test_require_project_root_auto_init_global_settings_non_tty_errors",
    "tests/test_query_filters.py::test_full_scan_query_with_path_filter_returns_usable_distances",
    "tests/test_query_filters.py::test_full_scan_query_combines_language_and_path_filters",
    "tests/test_query_filters.py::test_knn_query_returns_usable_distances",
    "tests/test_query_filters.py::test_bare_distance_column_is_null_outside_the_knn_plan",
}


@program("v1", ".", repository="cocoindex-io/cocoindex-code", doubled="embedding models")
def cocoindex_code(run: Run) -> None:
    """CocoIndex's code search: its own tests, with its daemon, its command line and SQLite."""
    register_model(
        run, "sentence-transformers/paraphrase-MiniLM-L3-v2", "Snowflake/snowflake-arctic-embed-xs"
    )
    run.write("src/cocoindex_code/_version.py", '__version__ = version = "0"\n')
    # Some of its tests look whether the package is there; its models are ours.
    run.write("present/sentence_transformers/__init__.py", "")
    run.modules += [run.folder / "src", run.folder / "present"]
    output = run.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", code=None)
    failed = set(re.findall(r"^(?:FAILED|ERROR) (tests/\S+)", output, re.MULTILINE))
    assert failed <= _ELSEWHERE, failed - _ELSEWHERE
    assert int(re.findall(r"(\d+) passed", output)[-1]) >= 300


@program("v1", ".", repository="VioletCranberry/coco-search", doubled="its tests' own doubles")
def coco_search(run: Run) -> None:
    """A code search with languages of its own: the tests of what it splits and reads."""
    run.modules.append(run.folder / "src")
    output = run.python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/handlers", code=None
    )
    assert "failed" not in output.splitlines()[-1], output[-3000:]
    assert int(re.findall(r"(\d+) passed", output)[-1]) > 100
