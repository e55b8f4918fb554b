"""The target LanceDB."""

from cocoindex._lazy import names_of

__getattr__ = names_of(
    "coco_flow.targets.lancedb",
    "coco_flow.targets",
    _create_vector_index_config="coco_flow.targets.lancedb_setup:vector_index_config",
)
