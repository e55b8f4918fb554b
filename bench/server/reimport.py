"""What does an import cost of which nothing, or little, has changed?

A worker builds a project from Markdown documents, then from the same ones, then from the same ones
under another config that cuts them the same way, then with one document in a hundred changed.
Seconds and CPU seconds are those of the worker's process, with those of the database only in
the seconds. Embeddings are counted; a paid service charges for them.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bench.server.corpus import corpus
from bench.server.lab import arguments, laboratory, report
from coco_core.configs import EmbeddingConfig, IndexingConfig
from coco_embed.resolver import Embedders, EmbeddingSettings
from coco_server.store.blobs import BlobStore
from coco_server.store.usage import Quotas
from coco_worker.pipeline import IngestDeps
from coco_worker.worker import Worker
from tests.coco_server.tenants import register_config
from tests.tenant import Tenant

# Sections of one document; each becomes a chunk or two.
SECTIONS = 5


def documents(chunks: int) -> list[dict[str, str]]:
    """Markdown documents of some sections each, of the words of the corpus."""
    texts = [each.content.replace("#", "") for each in corpus(chunks).texts]
    return [
        {
            "doc_id": f"docs/{number:06}.md",
            "content": "\n\n".join(
                f"# Section {number} {place}\n\n{text[:600]}"
                for place, text in enumerate(texts[start : start + SECTIONS])
            ),
        }
        for number, start in enumerate(range(0, len(texts), SECTIONS))
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--chunks", type=int, default=100_000, help="about so many")
    parser.add_argument("--model", default="coco-static")
    given = parser.parse_args()
    config = IndexingConfig("first", embedding=EmbeddingConfig(model_name=given.model))
    items = documents(given.chunks)
    changed = [
        {**each, "content": each["content"] + "\n\n# New\n\nwords\n"} if number % 100 == 0 else each
        for number, each in enumerate(items)
    ]
    embedders = Embedders(EmbeddingSettings(offline=True))
    dimension = embedders.dimension(config.embedding)
    figures: dict[str, object] = {"documents": len(items), "model": given.model}
    with (
        laboratory(durable=given.durable) as (_, database),
        tempfile.TemporaryDirectory() as folder,
    ):
        blobs = BlobStore(Path(folder).as_uri())
        deps = IngestDeps(database, blobs, embedders, lambda limits: Quotas(**limits))
        tenant = Tenant.create(database, blobs, config=config, dimension=dimension)
        other = replace(config, config_id="second")
        with database.tenant(tenant.org_id) as session:
            register_config(session, other, dimension)
        worker = Worker(deps, poll_seconds=0.05)
        worker.start()
        for name, sent, under in (
            ("first", items, config),
            ("again", items, config),
            ("other_config", items, other),
            ("one_percent", changed, config),
        ):
            ref = tenant.blobs.put_bytes(
                tenant.org_id, "ndjson", "\n".join(map(json.dumps, sent)).encode()
            ).ref
            started, cpu = time.perf_counter(), time.process_time()
            job = replace(tenant, config=under).enqueue(ref)
            done = tenant.ended(job, 3600)
            assert done.state == "succeeded" and done.result is not None, done.error
            figures |= {
                f"{name}_s": round(time.perf_counter() - started, 1),
                f"{name}_cpu_s": round(time.process_time() - cpu, 1),
                f"{name}_chunks": done.result["chunks"],
                f"{name}_parsed": done.result["parsed"],
                f"{name}_embedded": done.result["embedded"],
                f"{name}_reused": done.result["reused"],
            }
            print(name, {key: value for key, value in figures.items() if key.startswith(name)})
        worker.stop()
    report("reimport", figures)


if __name__ == "__main__":
    main()
