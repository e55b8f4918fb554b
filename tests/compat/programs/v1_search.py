"""Programs of v1 that embed texts and search them."""

from __future__ import annotations

import json
from typing import Any

from tests.compat.programs.program import Run, program, stand_in
from tests.compat.programs.v0_search import HENS, PYTHON, answers, shorten
from tests.waiting import until


def _database(run: Run) -> str:
    run.environment["COCOINDEX_DB"] = str(run.folder / "cocoindex.db")
    return run.own_database("POSTGRES_URL")


def _rows(run: Run, statement: str) -> list[Any]:
    return run.rows(statement, run.environment["POSTGRES_URL"])


@program("v1", "text_embedding")
def text_embedding(run: Run) -> None:
    """Chunks of Markdown in PostgreSQL, once and live, and a search."""
    _database(run)
    names = shorten(run.folder / "markdown_files")
    table = "coco_examples.doc_embeddings"
    run.cocoindex("update", "main")

    def files() -> list[str]:
        found = _rows(run, f"SELECT DISTINCT filename FROM {table}")
        return sorted(row[0].rpartition("/")[2] for row in found)

    assert files() == names
    found = _rows(run, f"SELECT filename, chunk_start, chunk_end, text, embedding FROM {table}")
    for name, start, end, chunk, embedding in found:
        text = (run.folder / "markdown_files" / name.rpartition("/")[2]).read_text("utf-8")
        assert text[start:end] == chunk
        assert embedding.count(",") == 383
    [(indexed,)] = _rows(run, "SELECT count(*) FROM pg_indexes WHERE tablename = 'doc_embeddings'")
    assert indexed == 2
    output = run.python("main.py", "numeric", "values")
    assert len(answers(output)) == min(5, len(found))
    before = _rows(run, f"SELECT * FROM {table} ORDER BY id")
    run.cocoindex("update", "main")
    assert _rows(run, f"SELECT * FROM {table} ORDER BY id") == before
    run.write("markdown_files/hens.md", HENS)
    (run.folder / "markdown_files" / names[0]).unlink()
    run.cocoindex("update", "main")
    assert files() == sorted([*names[1:], "hens.md"])
    output = run.python("main.py", typed="when do chickens lay eggs\n\n")
    assert answers(output)[0][1].endswith("hens.md")
    with run.started("-m", "cocoindex.cli", "update", "-L", "main"):
        run.write("markdown_files/snow.md", "# Snow\n\nSnow is white.\n")
        until(lambda: "snow.md" in files(), 60)
        (run.folder / "markdown_files/snow.md").unlink()
        until(lambda: "snow.md" not in files(), 60)


def _write_code(run: Run) -> None:
    run.write("../../README.md", "# A repository\n\nIt has code in two languages.\n")
    run.write("../../code/index.py", PYTHON)
    run.write("../../code/main.rs", 'fn main() {\n    println!("a greeting");\n}\n')
    run.write("../../node_modules/left/out.py", "x = 1\n")


@program("v1", "code_embedding")
def code_embedding(run: Run) -> None:
    """Code of a whole repository in PostgreSQL."""
    _database(run)
    _write_code(run)
    run.cocoindex("update", "main")

    def files() -> set[str]:
        found = _rows(run, "SELECT DISTINCT filename FROM coco_examples.code_embeddings")
        return {row[0] for row in found}

    assert {name.rpartition("/")[2] for name in files()} == {
        "README.md", "index.py", "main.rs", "main.py", "pyproject.toml"
    }  # fmt: skip
    output = run.python("main.py", "definition of a vector index")
    assert answers(output)[0][1].endswith("code/index.py")
    (run.folder / "../../code/index.py").unlink()
    run.cocoindex("update", "main")
    assert not any(name.endswith("index.py") for name in files())


@program("v1", "code_embedding_lancedb")
def code_embedding_lancedb(run: Run) -> None:
    """The same in LanceDB."""
    run.environment["COCOINDEX_DB"] = str(run.folder / "cocoindex.db")
    _write_code(run)
    run.cocoindex("update", "main")
    files = _lance_files(run, "code_embeddings")
    assert {name.rpartition("/")[2] for name in files} >= {"README.md", "index.py", "main.rs"}
    output = run.python("main.py", "definition of a vector index")
    assert answers(output)[0][1].endswith("code/index.py")
    (run.folder / "../../code/index.py").unlink()
    run.cocoindex("update", "main")
    assert _lance_files(run, "code_embeddings") == [n for n in files if not n.endswith("index.py")]


def _lance_files(run: Run, table: str) -> list[str]:
    import lancedb

    opened = lancedb.connect(run.folder / "lancedb_data").open_table(table)
    return sorted({row["filename"] for row in opened.to_arrow().to_pylist()})


@program("v1", "text_embedding_lancedb")
def text_embedding_lancedb(run: Run) -> None:
    """Chunks of Markdown in LanceDB."""
    run.environment["COCOINDEX_DB"] = str(run.folder / "cocoindex.db")
    names = shorten(run.folder / "markdown_files")
    run.cocoindex("update", "main")
    assert [n.rpartition("/")[2] for n in _lance_files(run, "doc_embeddings")] == names
    run.write("markdown_files/hens.md", HENS)
    run.cocoindex("update", "main")
    output = run.python("main.py", "when do chickens lay eggs")
    assert answers(output)[0][1].endswith("hens.md")
    (run.folder / "markdown_files/hens.md").unlink()
    run.cocoindex("update", "main")
    assert [n.rpartition("/")[2] for n in _lance_files(run, "doc_embeddings")] == names


@program(
    "v1", "text_embedding_qdrant", doubled="Qdrant: its gRPC protocol over the client's memory"
)
def text_embedding_qdrant(run: Run) -> None:
    """Chunks of Markdown as points of Qdrant, by gRPC."""
    from tests.coco_flow.targets.qdrant_grpc import qdrant_grpc_server

    run.environment["COCOINDEX_DB"] = str(run.folder / "cocoindex.db")
    names = shorten(run.folder / "markdown_files")
    # The native gRPC library resolves no names through Python: it needs the port as written.
    with qdrant_grpc_server(6334) as (_, store):

        def files() -> list[str]:
            points, _ = store.scroll("TextEmbedding", limit=1000)
            found = {(point.payload or {})["filename"] for point in points}
            return sorted(name.rpartition("/")[2] for name in found)

        run.cocoindex("update", "main")
        assert files() == names
        run.write("markdown_files/hens.md", HENS)
        (run.folder / "markdown_files" / names[0]).unlink()
        run.cocoindex("update", "main")
        assert files() == sorted([*names[1:], "hens.md"])
        output = run.python("main.py", "when do chickens lay eggs")
        assert answers(output)[0][1].endswith("hens.md")


@program("v1", "postgres_source")
def postgres_source(run: Run) -> None:
    """Rows of a table, by a key of two parts, in another table with vectors."""
    url = _database(run)
    source = run.own_database("SOURCE_DATABASE_URL")
    _execute(source, (run.folder / "prepare_source_data.sql").read_text("utf-8"))
    run.cocoindex("update", "main")

    def products() -> dict[tuple[str, str], Any]:
        found = run.rows(
            "SELECT product_category, product_name, amount, total_value, vector_dims(embedding)"
            " FROM coco_examples_v1.output",
            url,
        )
        return {row[:2]: row[2:] for row in found}

    built = products()
    assert built["Electronics", "Wireless Headphones"] == (50, 199.99 * 50, 384)
    output = run.python("main.py", "something to listen to music")
    assert "Wireless Headphones" in output.partition("---")[0]
    _execute(
        source,
        "UPDATE source_products SET amount = 7 WHERE product_name = 'Wireless Headphones';"
        "DELETE FROM source_products WHERE product_category <> 'Electronics'",
    )
    run.cocoindex("update", "main")
    wanted = {key: value for key, value in built.items() if key[0] == "Electronics"}
    wanted["Electronics", "Wireless Headphones"] = (7, 199.99 * 7, 384)
    assert products() == wanted


def _execute(url: str, statements: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements.encode())


@program("v1", "pdf_embedding", doubled="docling: pypdf")
def pdf_embedding(run: Run) -> None:
    """PDF files, converted by a function on the runner for GPUs."""
    url = _database(run)
    run.modules.append(stand_in("documents"))
    for path in (run.folder / "pdf_files").iterdir():
        if path.name != "rfc8259.pdf":
            path.unlink()
    run.cocoindex("update", "main")
    [(chunks,)] = run.rows("SELECT count(*) FROM coco_examples.pdf_embeddings", url)
    assert chunks > 10
    output = run.python("main.py", "how are strings escaped?")
    assert len(answers(output)) == 5


@program("v1", "entire_session_search")
def entire_session_search(run: Run) -> None:
    """Files of four kinds in two tables."""
    url = _database(run)
    session = "entire_checkpoints/ab/cdef012345/0"
    said = [
        {"role": "user", "content": "Please make the parser of dates faster."},
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "I cached the patterns of it."}],
        },
        {"role": "user", "content": "thanks"},
    ]
    run.write(f"{session}/full.jsonl", "\n".join(map(json.dumps, said)))
    run.write(f"{session}/prompt.txt", "Make the parser of dates faster")
    run.write(f"{session}/context.md", "# Context\n\nA library for calendars.\n")
    metadata = {
        "summary": {"intent": "speed"},
        "token_usage": {"input_tokens": 3, "output_tokens": 4},
        "files_touched": ["dates.py"],
    }
    run.write(f"{session}/metadata.json", json.dumps(metadata))
    run.cocoindex("update", "main")
    found = run.rows("SELECT content_type, role FROM entire.session_embeddings ORDER BY 1, 2", url)
    assert found == [
        ("context", ""), ("prompt", "user"), ("transcript", "assistant"), ("transcript", "user")
    ]  # fmt: skip
    rows = run.rows("SELECT * FROM entire.session_metadata", url)
    assert rows == [("abcdef012345", "0", "speed", 7, '["dates.py"]', None)]
    output = run.python("main.py", "calendar library")
    assert "(context)" in output.partition("---")[0]
    (run.folder / session / "metadata.json").unlink()
    run.cocoindex("update", "main")
    assert run.rows("SELECT count(*) FROM entire.session_metadata", url) == [(0,)]
