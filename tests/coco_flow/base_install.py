"""What works, and what is said, where only the base of coco_flow is installed.

Run: python -m tests.coco_flow.base_install FOLDER; prints JSON: the rows that a flow exported, and
for each operation that needs an extra the error that it ends with.
"""

from __future__ import annotations

import importlib.machinery
import json
import re
import sqlite3
import sys
import tomllib
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any, Literal

__all__ = ["NEEDED_EXTRA", "hide_extras"]

_PROJECT = Path(__file__).parents[2] / "packages" / "coco_flow" / "pyproject.toml"

NEEDED_EXTRA = {
    "AmazonS3": "cloud",
    "ChromaDB": "chromadb",
    "ColPaliEmbedImage": "colpali",
    "DuckDB": "duckdb",
    "Embed": "embed",
    "EmbedText": "llm",
    "FalkorDB": "falkordb",
    "Ladybug": "ladybug",
    "LanceDB": "lancedb",
    "Neo4j": "neo4j",
    "Parquet": "parquet",
    "Postgres": "postgres",
    "PostgresSource": "postgres",
    "Qdrant": "qdrant",
    "ReadPdf": "documents",
    "SQLite with a vector index": "sqlite",
    "server": "server",
}


def hide_extras() -> None:
    """Let no package be found that a bare installation of coco-flow does not bring."""
    # The metadata of an editable installation may be older than the file.
    project = tomllib.loads(_PROJECT.read_text("utf-8"))["project"]
    base = _closure(_names(project["dependencies"]))
    hidden = {
        module
        for module, names in packages_distributions().items()
        if not {_normal(name) for name in names} & base
    } | {"coco_embed", "coco_protocol"}
    find = importlib.machinery.PathFinder.find_spec

    def find_base(fullname: str, *args: Any) -> Any:
        return None if fullname.partition(".")[0] in hidden else find(fullname, *args)

    importlib.machinery.PathFinder.find_spec = find_base  # type: ignore[method-assign]


def _closure(names: list[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        try:
            lines = requires(name) or []
        except PackageNotFoundError:
            # Only for another system or an older Python.
            continue
        waiting += _names([line for line in lines if "extra ==" not in line])
    return found


def _names(requirements: list[str]) -> list[str]:
    return [_normal(re.split(r"[\s\[<>=!~;(]", line, maxsplit=1)[0]) for line in requirements]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _operations(folder: Path) -> dict[str, Callable[[], Any]]:
    """Return how to use each operation, as far as its extra is first needed."""
    import coco_flow
    from coco_flow import functions, sources, targets
    from coco_flow.llm import LlmApiType

    database = coco_flow.add_auth_entry("d", coco_flow.DatabaseConnectionSpec("postgres://h/d"))
    number = iter(range(100))

    @coco_flow.op.function()
    def vector(text: str) -> coco_flow.Vector[coco_flow.Float32, Literal[2]]:
        return [float(len(text)), 1.0]

    def of(source: Callable[[], Any]) -> Callable[[], Any]:
        def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
            scope["docs"] = builder.add_source(source())

        return lambda: coco_flow.open_flow(f"F{next(number)}", define).graph

    def by(function: Any, binary: bool = False) -> Callable[[], Any]:
        def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
            source = sources.LocalFile(path=str(folder / "docs"), binary=binary)
            scope["docs"] = builder.add_source(source)
            with scope["docs"].row() as doc:
                doc["value"] = doc["content"].transform(function)

        return lambda: coco_flow.open_flow(f"F{next(number)}", define).graph

    def to(target: Any, **index: Any) -> Callable[[], Any]:
        def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
            scope["docs"] = builder.add_source(sources.LocalFile(path=str(folder / "docs")))
            out = scope.add_collector()
            with scope["docs"].row() as doc:
                doc["vector"] = doc["content"].transform(vector)
                out.collect(id=doc["filename"], text=doc["content"], vector=doc["vector"])
            out.export("t", target, primary_key_fields=["id"], **index)

        return lambda: coco_flow.open_flow(f"F{next(number)}", define).setup()

    def graph(target: Any, connection: Any) -> Callable[[], Any]:
        reference = coco_flow.add_auth_entry(target.__name__, connection)
        return to(target(connection=reference, mapping=targets.Nodes(label="Doc")))

    index = coco_flow.VectorIndexDef("vector", coco_flow.VectorSimilarityMetric.L2_DISTANCE)
    place = str(folder / "target")
    embed_text = functions.EmbedText(
        api_type=LlmApiType.OLLAMA, model="m", expected_output_dimension=2
    )
    return {
        # First: it builds every flow that is open.
        "server": lambda: coco_flow.lib.start_server(coco_flow.ServerSettings("127.0.0.1:0")),
        "AmazonS3": of(lambda: sources.AmazonS3(bucket_name="b")),
        "ChromaDB": to(targets.ChromaDB(collection_name="c", path=place)),
        "ColPaliEmbedImage": by(functions.ColPaliEmbedImage(model="vidore/colpali-v1.2"), True),
        "DuckDB": to(targets.DuckDB(place, "t")),
        "Embed": by(functions.Embed(model="coco-static")),
        "EmbedText": by(embed_text),
        "FalkorDB": graph(targets.FalkorDB, targets.FalkorDBConnection("falkor://127.0.0.1:9")),
        "Ladybug": graph(targets.Ladybug, targets.LadybugFile(place)),
        "LanceDB": to(targets.LanceDB(place, "t")),
        "Neo4j": graph(targets.Neo4j, targets.Neo4jConnection("bolt://127.0.0.1:9", "u", "p")),
        "Parquet": to(targets.Parquet(place)),
        "Postgres": to(targets.Postgres(database)),
        "PostgresSource": of(lambda: sources.Postgres(table_name="t", database=database)),
        "Qdrant": to(targets.Qdrant("c")),
        "ReadPdf": by(functions.ReadPdf(), True),
        "SQLite with a vector index": to(targets.SQLite(place, "t"), vector_indexes=[index]),
    }


def _exported(folder: Path) -> list[Any]:
    """Run a flow that needs no extra."""
    import coco_flow
    from coco_flow import functions, sources, targets

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(sources.LocalFile(path=str(folder / "docs")))
        out = scope.add_collector()
        with scope["docs"].row() as doc:
            doc["chunks"] = doc["content"].transform(
                functions.SplitRecursively(), chunk_size=25, language="markdown"
            )
            with doc["chunks"].row() as chunk:
                out.collect(
                    filename=doc["filename"], location=chunk["location"], text=chunk["text"]
                )
        out.export(
            "chunks",
            targets.SQLite(str(folder / "rows.db"), "chunks"),
            primary_key_fields=["filename", "location"],
        )

    flow = coco_flow.open_flow("Base", define)
    flow.setup()
    flow.update()
    with closing(sqlite3.connect(folder / "rows.db")) as connection:
        return connection.execute("SELECT filename, text FROM chunks ORDER BY text").fetchall()


def main(folder: Path) -> None:
    """Run everything and print what came of it."""
    hide_extras()
    import coco_flow

    coco_flow.init(
        coco_flow.Settings(database=coco_flow.DatabaseConnectionSpec(str(folder / "state.db")))
    )
    (folder / "docs").mkdir()
    (folder / "docs" / "a.md").write_text("# One\n\nA text.\n\n# Two\n\nMore text.", "utf-8")
    rows = _exported(folder)
    errors = {}
    for name, use in _operations(folder).items():
        try:
            use()
        except Exception as error:  # noqa: BLE001 - the test judges it
            errors[name] = f"{type(error).__name__}: {error}"
    print(json.dumps({"rows": rows, "errors": errors}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
