"""Find what a folder of documents is about: four models, one of which asks a language model.

    documents → sections → extractions → entities → mentions

    python examples/models/entity_pipeline.py docs              all documents
    python examples/models/entity_pipeline.py docs --delta      those of which something changed
    python examples/models/entity_pipeline.py docs --run RUN    goes on with a run that was killed

COCO_FLOW_LLM_MODEL (and COCO_FLOW_LLM_API_KEY) name the language model. Without it, a server of
this program answers by rules (local_llm.py): it finds terms with capital letters. The tables are in
COCO_FLOW_MODELS_DATABASE, by default entities.db.
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import atexit
import os
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from itertools import pairwise
from typing import Any

import pandas as pd
from local_llm import local_llm
from sqlalchemy import JSON, Column
from sqlmodel import Field

from coco_flow.models import (
    ConfigParam,
    LLMTelemetryMixin,
    ModelConfig,
    ModelContext,
    PipelineConfig,
    PipelineModelBase,
    Reference,
    TableReader,
    configure,
    get_dspy_lm,
    model,
    not_null,
    relationships,
    run_batch,
    run_pipeline_sync,
    scan_documents,
    to_list,
    unique,
)
from coco_flow.models.dspy_lm import load_dspy

_HEADING = re.compile(r"^#{1,3} .*$", re.MULTILINE)


class SectionRow(PipelineModelBase, table=True):
    """A part of a document below one heading."""

    __tablename__ = "sections"
    document_id: str = Field(primary_key=True)
    section_id: str = Field(primary_key=True)
    heading: str
    text: str


class SectionsConfig(ModelConfig):
    """How documents are cut."""

    max_chars: int = ConfigParam(4000, ge=500, le=20_000, description="Longest section")


@model(
    "indexing.sections",
    SectionRow,
    config_schema=SectionsConfig,
    tests=[not_null("text"), unique("section_id")],
)
def sections(
    ctx: ModelContext,
    documents: Any = Reference("documents", load_content=True),
    config: Any = None,
) -> list[SectionRow]:
    """Cut documents at their headings, and long parts at the length that is set."""
    rows = []
    for number, document in enumerate(documents.to_dict("records"), 1):
        with ctx.document(document["id"]):
            for place, (heading, text) in enumerate(parts(document["content"], config.max_chars)):
                rows.append(
                    SectionRow(
                        document_id=document["id"],
                        section_id=f"{document['id']}#{place}",
                        heading=heading,
                        text=text,
                    )
                )
        ctx.progress(number, len(documents), document["id"])
    return rows


def parts(text: str, max_chars: int) -> Iterator[tuple[str, str]]:
    """Return heading and text of each section."""
    starts = [0, *(match.start() for match in _HEADING.finditer(text)), len(text)]
    for start, end in pairwise(starts):
        part = text[start:end].strip()
        heading = part.partition("\n")[0].lstrip("# ")[:100] if part.startswith("#") else ""
        for begin in range(0, len(part), max_chars):
            yield heading, part[begin : begin + max_chars]


class ExtractionRow(LLMTelemetryMixin, PipelineModelBase, table=True):
    """What a language model found in a section."""

    __tablename__ = "extractions"
    document_id: str = Field(primary_key=True)
    section_id: str = Field(primary_key=True)
    entities: list[str] = Field(default_factory=list, sa_column=Column(JSON))


@cache
def find_entities() -> Any:
    """Return the signature; DSPy is imported when it is first needed."""
    dspy = load_dspy()

    class FindEntities(dspy.Signature):  # type: ignore[misc, name-defined]
        """List the people, companies, products and technologies that the text names."""

        text: str = dspy.InputField()
        entities: list[str] = dspy.OutputField(desc="as they are written in the text")

    return FindEntities


@cache
def language_model() -> Any:
    """Return the language model of the environment, or the server of this program."""
    if os.environ.get("COCO_FLOW_LLM_MODEL"):
        return get_dspy_lm()
    server = ExitStack()
    atexit.register(server.close)
    return get_dspy_lm("openai/by-rules", api_base=server.enter_context(local_llm()), cache=False)


@model(
    "indexing.extractions",
    ExtractionRow,
    batch_size=25,
    # To be raised with the signature or the language model, which delta mode does not look at.
    version=1,
    tests=[relationships("section_id", "indexing.sections", "section_id")],
)
def extractions(
    ctx: ModelContext, found: Any = Reference("indexing.sections"), writer: Any = None
) -> dict[str, Any]:
    """Ask the language model about each section; 25 documents are committed at a time."""
    answers = run_batch(
        find_entities(), [{"text": text} for text in found["text"]], lm=language_model(), ctx=ctx
    )
    rows = []
    for section, answer in zip(found.to_dict("records"), answers, strict=True):
        if answer.error is not None:
            ctx.fail(section["document_id"], answer.error)
            continue
        rows.append(
            ExtractionRow(
                document_id=section["document_id"],
                section_id=section["section_id"],
                entities=to_list(answer.result.entities),
                dspy_telemetry=answer.telemetry,
            )
        )
    done: dict[str, Any] = writer.write(rows)
    return done


class EntityRow(PipelineModelBase, table=True):
    """One thing that documents name, however they write it."""

    __tablename__ = "entities"
    entity_id: str = Field(primary_key=True)
    name: str
    variants: list[str] = Field(default_factory=list, sa_column=Column(JSON))
    sections: int


@model("indexing.entities", EntityRow, tests=[not_null("name")])
def entities(found: Any = Reference("indexing.extractions")) -> list[EntityRow]:
    """Make one entity of the names that differ in writing only; it depends on all documents."""
    written: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for names in found["entities"]:
        for name in names:
            written[key_of(name)][name] += 1
    return [
        EntityRow(
            entity_id=key,
            name=names.most_common(1)[0][0],
            variants=sorted(names),
            sections=names.total(),
        )
        for key, names in sorted(written.items())
        if key
    ]


def key_of(name: str) -> str:
    """Return what all ways to write a name have in common."""
    words = re.sub(r"[^a-z0-9]+", " ", name.lower()).split()
    if words[:1] == ["the"]:
        words = words[1:]
    return "".join(words).removesuffix("s")


class MentionRow(PipelineModelBase, table=True):
    """How often a document names an entity."""

    __tablename__ = "mentions"
    document_id: str = Field(primary_key=True)
    entity_id: str = Field(primary_key=True)
    sections: int


@model(
    "indexing.mentions",
    MentionRow,
    tests=[relationships("entity_id", "indexing.entities", "entity_id")],
)
def mentions(
    found: Any = Reference("indexing.extractions", columns=["document_id", "entities"]),
    known: Any = Reference("indexing.entities", columns=["entity_id"]),
) -> pd.DataFrame:
    """Count the sections of each document that name an entity."""
    named = found.explode("entities").dropna(subset=["entities"])
    named["entity_id"] = named["entities"].map(key_of)
    named = named[named["entity_id"].isin(known["entity_id"])]
    counted = named.groupby(["document_id", "entity_id"]).size()
    return counted.reset_index(name="sections")


PIPELINE = PipelineConfig("indexing", [sections, extractions, entities, mentions])


def main() -> None:
    """Scan the folder, run the pipeline, and print what came out."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("folder")
    arguments.add_argument("--run")
    arguments.add_argument("--delta", action="store_true")
    given = arguments.parse_args()
    configure(database=os.environ.get("COCO_FLOW_MODELS_DATABASE", "sqlite:///entities.db"))
    started = time.monotonic()
    print("scanned:", scan_documents(given.folder))
    done = run_pipeline_sync(
        PIPELINE,
        ModelContext(incremental_mode="delta" if given.delta else "full", workflow_id=given.run),
    )
    print(f"run {done['workflow_id']}: {done['status']}")
    for name, result in done["results"].items():
        shown = {key: result[key] for key in ("documents", "rows_written", "seconds")}
        print(f"  {name}: {shown}")
    if done["status"] != "success":
        sys.exit("\n".join(done["errors"].values()))
    print("telemetry:", done["telemetry"])
    reader = TableReader()
    tables = ("documents", "sections", "extractions", "entities", "mentions")
    print("rows:", {table: reader.count(table) for table in tables})
    top = reader.query("SELECT name, sections FROM entities ORDER BY sections DESC, name LIMIT 10")
    print("most named:", ", ".join(f"{row.name} ({row.sections})" for row in top.itertuples()))
    print(f"{time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
