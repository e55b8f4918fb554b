"""Independent table models: three that wait, and two that keep a core busy."""

from __future__ import annotations

import hashlib
import time

from sqlmodel import Field

from coco_flow.models import (
    ModelContext,
    PipelineConfig,
    PipelineModelBase,
    model,
    run_pipeline_sync,
    shutdown,
)

WAIT_SECONDS = 2.0
# Some seconds of one core.
ROUNDS = 12_000_000


class Waited1(PipelineModelBase, table=True):
    id: str = Field(primary_key=True)


class Waited2(PipelineModelBase, table=True):
    id: str = Field(primary_key=True)


class Waited3(PipelineModelBase, table=True):
    id: str = Field(primary_key=True)


class Busy1(PipelineModelBase, table=True):
    id: str = Field(primary_key=True)


class Busy2(PipelineModelBase, table=True):
    id: str = Field(primary_key=True)


class Apart1(PipelineModelBase, table=True):
    id: str = Field(primary_key=True)


class Apart2(PipelineModelBase, table=True):
    id: str = Field(primary_key=True)


def wait(writer):
    time.sleep(WAIT_SECONDS)
    writer.write([{"id": "waited"}])


def compute(writer):
    digest = b""
    for _ in range(ROUNDS):
        digest = hashlib.blake2b(digest, digest_size=16).digest()
    writer.write([{"id": digest.hex()}])


@model("wait.one", Waited1)
def wait_1(writer):
    wait(writer)


@model("wait.two", Waited2)
def wait_2(writer):
    wait(writer)


@model("wait.three", Waited3)
def wait_3(writer):
    wait(writer)


@model("busy.one", Busy1)
def busy_1(writer):
    compute(writer)


@model("busy.two", Busy2)
def busy_2(writer):
    compute(writer)


@model("apart.one", Apart1, executor="process")
def apart_1(writer):
    compute(writer)


@model("apart.two", Apart2, executor="process")
def apart_2(writer):
    compute(writer)


PIPELINES = {
    "one that waits 2 s": [wait_1],
    "three that wait 2 s each": [wait_1, wait_2, wait_3],
    "one that computes, in a thread": [busy_1],
    "two that compute, in threads": [busy_1, busy_2],
    "one that computes, in a process": [apart_1],
    "two that compute, in processes": [apart_1, apart_2],
}


def compare(url: str) -> dict[str, float]:
    """Return the seconds of a run of each group of models."""
    seconds = {}
    for name, models in PIPELINES.items():
        began = time.perf_counter()
        ended = run_pipeline_sync(PipelineConfig("parallel", models), ModelContext(), database=url)
        if ended["errors"]:
            raise SystemExit(str(ended["errors"]))
        seconds[name] = time.perf_counter() - began
    shutdown()
    return seconds
