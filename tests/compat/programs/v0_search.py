"""Programs of v0 that embed texts and search them."""

from __future__ import annotations

import re
import socket
from pathlib import Path

from tests.compat.programs.program import Run, program
from tests.waiting import until

# Half of a public paper: enough chunks for all that is asked, and soon embedded.
LONGEST = 12_000

HENS = "# Hens\n\nHens lay eggs in the morning.\n"
PYTHON = '''
class VectorIndex:
    """Definition of a vector index: its column and its metric."""

    column: str
    metric: str
'''


def shorten(folder: Path) -> list[str]:
    """Cut long texts; return the names."""
    for path in folder.iterdir():
        path.write_text(path.read_text("utf-8")[:LONGEST], "utf-8")
    return sorted(path.name for path in folder.iterdir())


def answers(output: str) -> list[tuple[float, str]]:
    """Return the scores and file names that a program printed."""
    return [(float(s), n) for s, n in re.findall(r"\[(-?\d+\.\d{3})\] (\S+)", output)]


@program("v0", "text_embedding")
def text_embedding(run: Run) -> None:
    """Chunks of Markdown in PostgreSQL with pgvector, and a search loop."""
    run.own_database()
    names = shorten(run.folder / "markdown_files")
    run.cocoindex("update", "--setup", "-f", "main.py")
    table = "textembedding__doc_embeddings"
    found = run.rows(
        f"SELECT filename, count(*), min(vector_dims(embedding)) FROM {table} GROUP BY 1"
    )
    assert sorted(row[0] for row in found) == names
    assert all(count > 1 and dimension == 384 for _, count, dimension in found)
    [(indexed,)] = run.rows(
        f"SELECT count(*) FROM pg_indexes WHERE tablename = '{table}' AND indexdef LIKE '%hnsw%'"
    )
    assert indexed == 1
    output = run.python("main.py", typed="how are words represented as vectors?\n\n")
    found = answers(output)
    assert len(found) == 5
    assert found == sorted(found, key=lambda each: -each[0])
    assert found[0][0] > 0.3
    before = run.rows(f"SELECT * FROM {table} ORDER BY filename, location")
    run.cocoindex("update", "main.py")
    assert run.rows(f"SELECT * FROM {table} ORDER BY filename, location") == before
    run.write("markdown_files/hens.md", HENS)
    (run.folder / "markdown_files" / names[0]).unlink()
    run.cocoindex("update", "main.py")
    found = run.rows(f"SELECT DISTINCT filename FROM {table}")
    assert sorted(row[0] for row in found) == sorted([*names[1:], "hens.md"])
    output = run.python("main.py", typed="when do chickens lay eggs\n\n")
    assert answers(output)[0][1] == "hens.md"


@program("v0", "code_embedding")
def code_embedding(run: Run) -> None:
    """Code of a whole repository, by language, with the update in the program itself."""
    run.own_database()
    root = run.folder.parents[1]
    # The program walks the repository that it lies in; a few files are enough.
    run.write("../../README.md", "# A repository\n\nIt has code in two languages.\n")
    run.write("../../Cargo.toml", '[package]\nname = "a-package"\n')
    run.write("../../code/index.py", PYTHON)
    run.write("../../code/main.rs", 'fn main() {\n    println!("a greeting");\n}\n')
    (root / "node_modules" / "left").mkdir(parents=True)
    (root / "node_modules" / "left" / "out.py").write_text("x = 1\n")
    run.cocoindex("setup", "-f", "main.py")
    output = run.python("main.py", typed="definition of a vector index\n\n")
    assert "Updated index:" in output
    assert len(answers(output)) == 5
    assert "code/index.py (L2-L6)" in output
    assert answers(output)[0][1] == "code/index.py"
    table = "codeembedding__code_embeddings"
    names = {row[0] for row in run.rows(f"SELECT DISTINCT filename FROM {table}")}
    assert {"README.md", "Cargo.toml", "code/index.py", "examples/code_embedding/main.py"} <= names
    assert not any("node_modules" in name for name in names)
    (root / "code" / "index.py").unlink()
    run.python("main.py", typed="\n")
    names_after = {row[0] for row in run.rows(f"SELECT DISTINCT filename FROM {table}")}
    assert names_after == names - {"code/index.py"}


@program("v0", "text_embedding_lancedb")
def text_embedding_lancedb(run: Run) -> None:
    """LanceDB in a directory, with a text index, searched by the program's query handler."""
    run.own_database()
    names = shorten(run.folder / "markdown_files")
    run.cocoindex("update", "--setup", "-f", "main.py")

    def rows() -> list[dict[str, object]]:
        import lancedb

        table = lancedb.connect(run.folder / "lancedb_data").open_table("TextEmbedding")
        return list(table.to_arrow().to_pylist())

    before = rows()
    assert sorted({str(row["filename"]) for row in before}) == names
    assert len({row["id"] for row in before}) == len(before) > 10
    search = (
        "import asyncio, cocoindex, main; cocoindex.init();"
        "out = asyncio.run(main.search('word vectors'));"
        "print([(r['filename'], r['score']) for r in out.results], len(out.query_info.embedding))"
    )
    output = run.python("-c", search)
    assert output.count(".md") == 5
    assert "384" in output
    run.cocoindex("update", "main.py")
    key = lambda row: str(row["id"])  # noqa: E731 - used twice in the next line
    assert sorted(rows(), key=key) == sorted(before, key=key)
    run.write("markdown_files/hens.md", HENS)
    (run.folder / "markdown_files" / names[0]).unlink()
    run.cocoindex("update", "main.py")
    assert sorted({str(row["filename"]) for row in rows()}) == [*names[1:], "hens.md"]


@program("v0", "fastapi_server_docker")
def fastapi_server_docker(run: Run) -> None:
    """What its container runs: set up, update, and a FastAPI application that searches."""
    import httpx

    run.own_database()
    shorten(run.folder / "files")
    run.cocoindex("setup", "main", typed="yes\n")
    run.cocoindex("update", "main")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/search"
    with run.started("-m", "uvicorn", "main:fastapi_app", "--port", str(port)):

        def ask() -> httpx.Response | None:
            try:
                return httpx.get(url, params={"q": "masked language model", "limit": 3}, timeout=60)
            except httpx.ConnectError:
                return None

        found = until(ask, 60)
        assert found.status_code == 200, found.text
        results = found.json()["results"]
        assert len(results) == 3
        assert results[0]["filename"] == "1810.04805v2.md"
        assert results[0]["score"] > 0.4
        assert "mask" in results[0]["text"].lower()


@program(
    "v0", "text_embedding_qdrant", doubled="Qdrant: its gRPC protocol over the client's memory"
)
def text_embedding_qdrant(run: Run) -> None:
    """Qdrant on its gRPC port, searched by gRPC with the program's own client."""
    from tests.coco_flow.targets.qdrant_grpc import qdrant_grpc_server

    run.own_database()
    names = shorten(run.folder / "markdown_files")
    # The native gRPC library resolves no names through Python: it needs the port as written.
    with qdrant_grpc_server(6334) as (_, store):
        run.cocoindex("update", "--setup", "-f", "main.py")
        points, _ = store.scroll("TextEmbedding", limit=1000)
        assert sorted({(point.payload or {})["filename"] for point in points}) == names
        ids = {point.id for point in points}
        output = run.python("main.py", typed="word vectors\n\n")
        assert len(answers(output)) == min(10, len(points)) > 5
        run.cocoindex("update", "main.py")
        assert {point.id for point in store.scroll("TextEmbedding", limit=1000)[0]} == ids
        run.write("markdown_files/hens.md", HENS)
        (run.folder / "markdown_files" / names[0]).unlink()
        run.cocoindex("update", "main.py")
        points, _ = store.scroll("TextEmbedding", limit=1000)
        assert sorted({(point.payload or {})["filename"] for point in points}) == [
            *names[1:],
            "hens.md",
        ]


@program("v0", "text_embedding_chromadb")
def text_embedding_chromadb(run: Run) -> None:
    """Chroma in a directory, searched by the program's query handler."""
    import chromadb

    run.own_database()
    names = shorten(run.folder / "markdown_files")
    run.cocoindex("update", "--setup", "-f", "main.py")

    def files() -> list[str]:
        client = chromadb.PersistentClient(path=str(run.folder / "chromadb_data"))
        found = client.get_collection("text_embedding").get()
        assert found["metadatas"] and found["documents"]
        return sorted({str(each["filename"]) for each in found["metadatas"]})

    assert files() == names
    run.write("markdown_files/hens.md", HENS)
    (run.folder / "markdown_files" / names[0]).unlink()
    run.cocoindex("update", "main.py")
    assert files() == sorted([*names[1:], "hens.md"])
    output = run.python(
        "-c",
        "import asyncio, cocoindex, main; cocoindex.init();"
        "print(asyncio.run(main.search('eggs')).results[0]['filename'])",
    )
    assert "hens.md" in output
