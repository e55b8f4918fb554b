"""How much memory does a worker take for a Parquet file, large or hostile, and how fast is it?

Writes a file of the wanted size (texts of some 700 characters, each with its vector), streams it
into a blob store as the API service does, and lets one worker process build a version out of it.
The worker's resident memory is read twenty times a second, with that of its decoder. Then files of
some kilobytes come that decode to gigabytes: their jobs must fail, and the worker must not grow.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from bench.server.lab import arguments, laboratory, report
from coco_core.configs import ChunkingConfig, EmbeddingConfig, IndexingConfig
from coco_server.jobs.records import DONE_STATES
from coco_server.store.blobs import BlobStore
from tests.hostile_parquet import bomb_of_equal_texts, bomb_of_nulls
from tests.tenant import Tenant
from tests.worker_process import WorkerProcess

DIMENSION = 384
# One row in the file: a vector, and a text of words that compress to a third.
ROW_BYTES = 4 * DIMENSION + 266
PART = 10_000
PIECE_BYTES = 1_048_576

CONFIG = IndexingConfig(
    config_id="given",
    chunking=ChunkingConfig(chunk_size=512),
    embedding=EmbeddingConfig(model_name="given"),
)


def write_file(path: Path, rows: int, group: int) -> None:
    """Write rows whose texts and vectors do not compress to nothing."""
    random = np.random.default_rng(7)
    words = np.array([f"word{number:05}" for number in range(20_000)])
    # Common words are common, as in any language.
    weights = 1 / np.arange(1, len(words) + 1)
    schema = pa.schema(
        {
            "doc_id": pa.string(),
            "ordinal": pa.int32(),
            "content": pa.string(),
            "vector": pa.list_(pa.float32(), DIMENSION),
        }
    )
    with pq.ParquetWriter(path, schema) as writer:
        held: list[pa.Table] = []
        for start in range(0, rows, PART):
            count = min(PART, rows - start)
            picked = random.choice(words, (count, 70), p=weights / weights.sum())
            vectors = random.normal(size=(count, DIMENSION)).astype(np.float32)
            columns = {
                "doc_id": [f"doc-{(start + place) // 8}" for place in range(count)],
                "ordinal": pa.array([(start + place) % 8 for place in range(count)], pa.int32()),
                "content": [" ".join(row) for row in picked],
                "vector": pa.FixedSizeListArray.from_arrays(vectors.ravel(), DIMENSION),
            }
            held.append(pa.table(columns, schema=schema))
            if sum(part.num_rows for part in held) >= group or start + count == rows:
                table = pa.concat_tables(held)
                writer.write_table(table, row_group_size=table.num_rows)
                held = []


async def pieces(path: Path) -> AsyncIterator[bytes]:
    """Read a file as it would arrive."""
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def bombs() -> dict[str, bytes]:
    """Return small files by what they repeat."""
    return {
        "equal_texts": bomb_of_equal_texts(1_500, 4_000_000),
        "nulls_in_a_list": bomb_of_nulls(200_000_000),
    }


def memory(process: psutil.Process) -> tuple[int, int]:
    """Return the resident bytes of a worker, and of its decoder."""
    decoders = 0
    for child in process.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            decoders += child.memory_info().rss
    return process.memory_info().rss, decoders


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--megabytes", type=int, default=200, help="size of the file")
    parser.add_argument("--group", type=int, default=50_000, help="rows in a row group")
    chosen = parser.parse_args()
    rows = chosen.megabytes * 1_000_000 // ROW_BYTES
    with (
        tempfile.TemporaryDirectory() as folder,
        laboratory(durable=chosen.durable) as (postgres, database),
    ):
        path = Path(folder) / "items.parquet"
        write_file(path, rows, chosen.group)
        size = path.stat().st_size
        blobs = BlobStore(f"file://{folder}/blobs")
        tenant = Tenant.create(database, blobs, config=CONFIG, dimension=DIMENSION)
        info = asyncio.run(blobs.put(tenant.org_id, "parquet", pieces(path), most=1 << 40))
        path.unlink()
        environ = {
            "COCO_META_DB": postgres.url(),
            "COCO_BLOB_URL": blobs.url,
            "COCO_EMBED_URL": "http://127.0.0.1:9/v1",
            "COCO_EMBED_DIMENSION": str(DIMENSION),
        }
        worker = WorkerProcess(Path(folder) / "worker.log", environ).wait_started()
        watched = psutil.Process(worker.process.pid)
        idle = watched.memory_info().rss
        job = tenant.enqueue(info.ref, format="parquet")
        started = time.perf_counter()
        sealing = 0.0
        peaks = {"ingest": 0, "seal": 0}
        decoder = 0
        while (now := tenant.job(job.job_id)).state not in DONE_STATES:
            stage = "seal" if now.stage == "seal" else "ingest"
            if stage == "seal" and not sealing:
                sealing = time.perf_counter()
            own, of_decoder = memory(watched)
            peaks[stage], decoder = max(peaks[stage], own), max(decoder, of_decoder)
            time.sleep(0.05)
        ended = time.perf_counter()
        cpu = watched.cpu_times()
        assert now.state == "succeeded", now.error
        assert now.result is not None and now.result["chunks"] == rows, now.result
        hostile: dict[str, dict[str, object]] = {}
        for name, body in bombs().items():
            before = watched.memory_info().rss
            bomb = blobs.put_bytes(tenant.org_id, "parquet", body)
            sent = tenant.enqueue(bomb.ref, format="parquet")
            most, most_decoder = before, 0
            while (end := tenant.job(sent.job_id)).state not in DONE_STATES:
                own, of_decoder = memory(watched)
                most, most_decoder = max(most, own), max(most_decoder, of_decoder)
                time.sleep(0.05)
            assert end.state == "failed" and end.attempt == 1, end
            hostile[name] = {
                "file_bytes": len(body),
                "worker_grew_megabytes": round((most - before) / 1e6, 1),
                "decoder_peak_megabytes": round(most_decoder / 1e6, 1),
                "error": (end.error or {})["message"],
            }
        worker.stop()
        report(
            "parquet-memory",
            {
                "file_megabytes": round(size / 1e6, 1),
                "rows": rows,
                "rows_in_a_row_group": chosen.group,
                "worker_idle_megabytes": round(idle / 1e6, 1),
                "decoder_peak_megabytes": round(decoder / 1e6, 1),
                "hostile": hostile,
                "worker_peak_while_ingesting_megabytes": round(peaks["ingest"] / 1e6, 1),
                "worker_peak_while_sealing_megabytes": round(peaks["seal"] / 1e6, 1),
                "ingest_rows_per_second": round(rows / ((sealing or ended) - started)),
                "ingest_seconds": round((sealing or ended) - started, 1),
                "seal_seconds": round(ended - (sealing or ended), 1),
                "worker_cpu_microseconds_per_row": round((cpu.user + cpu.system) / rows * 1e6),
                "cores": os.cpu_count(),
            },
        )


if __name__ == "__main__":
    main()
