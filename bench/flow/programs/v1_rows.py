"""CocoIndex 1.x: the same job as `coco_rows`, rows in SQLite."""

import hashlib
import os
import pathlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import cocoindex as coco
from cocoindex.connectors import localfs, sqlite
from cocoindex.ops.text import RecursiveSplitter
from cocoindex.resources.file import FileLike, PatternFilePathMatcher

OUT = os.environ["BENCH_OUT"]
DATABASE = coco.ContextKey[sqlite.ManagedConnection]("bench_database")
splitter = RecursiveSplitter()


@coco.lifespan
def lifespan(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path(OUT) / "state"
    with sqlite.managed_connection(f"{OUT}/rows.db", load_vec=False) as connection:
        builder.provide(DATABASE, connection)
        yield


@dataclass
class Row:
    filename: str
    start: int
    end: int
    text: str
    digest: str
    words: int


@coco.fn(memo=True)
async def process(file: FileLike, table: sqlite.TableTarget[Row]) -> None:
    name, text = str(file.file_path.path), await file.read_text()
    for chunk in splitter.split(text, chunk_size=1000, chunk_overlap=200, language="markdown"):
        digest = hashlib.blake2b(chunk.text.encode(), digest_size=16).hexdigest()
        place = chunk.start.char_offset, chunk.end.char_offset
        words = len(chunk.text.split())
        table.declare_row(row=Row(name, *place, chunk.text, digest, words))


@coco.fn
async def main(source: pathlib.Path) -> None:
    schema = await sqlite.TableSchema.from_class(Row, primary_key=["filename", "start"])
    table = await sqlite.mount_table_target(DATABASE, "chunks", schema)
    matcher = PatternFilePathMatcher(included_patterns=["**/*.md"])
    files = localfs.walk_dir(source, recursive=True, path_matcher=matcher)
    await coco.mount_each(process, files.items(), table)


app = coco.App(coco.AppConfig(name="BenchRows"), main, source=pathlib.Path(os.environ["BENCH_SRC"]))

if __name__ == "__main__":
    began = time.perf_counter()
    app.update_blocking()
    print(f"UPDATE {time.perf_counter() - began:.4f}")
