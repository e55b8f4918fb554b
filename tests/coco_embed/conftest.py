from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coco_embed.onnx import OnnxEmbedder
from coco_embed.store import InstalledModel
from tests.model_fixture import installed_model, official_files


@pytest.fixture(scope="session")
def official() -> Path:
    return official_files()


@pytest.fixture(scope="session")
def model() -> InstalledModel:
    return installed_model()


@pytest.fixture(scope="session")
def embedder(model: InstalledModel) -> Iterator[OnnxEmbedder]:
    embedder = OnnxEmbedder(model)
    yield embedder
    embedder.close()
