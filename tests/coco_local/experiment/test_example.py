"""The example that ships is an experiment, and every place that it expects exists."""

from __future__ import annotations

from pathlib import Path

from coco_core.anchors import matches, parse_anchor
from coco_core.chunking import chunk_document
from coco_core.configs import ChunkingConfig
from coco_experiments.reading import read_experiment_file
from coco_local.scan import ProjectScan
from coco_local.settings import load_settings

EXAMPLE = Path(__file__).parents[3] / "examples" / "experiment.yml"


def test_the_example_can_be_run(tmp_path: Path) -> None:
    spec = read_experiment_file(
        EXAMPLE.read_text(encoding="utf-8"), EXAMPLE.name, lambda name: name
    )
    experiment = spec.experiment
    assert experiment.path is not None
    root = (EXAMPLE.parent / experiment.path).resolve()
    settings = load_settings({}, environ={"COCO_HOME": str(tmp_path)})
    documents = ProjectScan(root, settings).list_files().files
    spec.refuse_missing(documents.keys())
    assert len(experiment.questions) >= 12
    assert len(experiment.indexes) * len(experiment.queries) >= 6


def test_every_place_that_it_expects_exists() -> None:
    spec = read_experiment_file(
        EXAMPLE.read_text(encoding="utf-8"), EXAMPLE.name, lambda name: name
    )
    assert spec.experiment.path is not None
    root = EXAMPLE.parent / spec.experiment.path
    sections = ChunkingConfig(strategy_name="markdown_header")
    for question in spec.experiment.questions:
        for expected in question.expected:
            doc_id = parse_anchor(expected.anchor).doc_id
            cut = chunk_document(doc_id, (root / doc_id).read_bytes(), sections, None)
            found = [chunk for chunk in cut.chunks if matches(expected.anchor, doc_id, chunk)]
            assert found, expected.anchor
