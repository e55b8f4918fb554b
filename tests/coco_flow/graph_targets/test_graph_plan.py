"""The plan of a graph: which field is what, and the errors when a mapping does not fit."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

from coco_flow.auth import add_auth_entry
from coco_flow.errors import DefinitionError
from coco_flow.index import (
    FtsIndexDef,
    HnswVectorIndexMethod,
    IvfFlatVectorIndexMethod,
    VectorIndexDef,
)
from coco_flow.index import (
    VectorSimilarityMetric as Metric,
)
from coco_flow.targets import graph as mapping
from coco_flow.targets.graph import (
    NodeFromFields,
    Nodes,
    ReferencedNode,
    Relationships,
    TargetFieldMapping,
)
from coco_flow.targets.graph_plan import Declaration, NodePlan, RelationshipPlan, plan_graph
from coco_flow.targets.ladybug import Ladybug, LadybugConnection, LadybugDeclaration
from coco_flow.targets.registry import connector_of
from coco_flow.types.annotations import Vector
from tests.coco_flow.targets.rows import export_schema

ENTITY = Declaration(ReferencedNode("Entity", ["value"]))
DOCUMENTS = (
    Nodes(label="Document"),
    export_schema({"filename": str}, {"title": str}),
)


def mentions(
    source: list[TargetFieldMapping] | None = None, target: list[TargetFieldMapping] | None = None
) -> Relationships:
    return Relationships(
        "MENTION",
        NodeFromFields("Document", source or [TargetFieldMapping("filename")]),
        NodeFromFields("Entity", target or [TargetFieldMapping("entity", "value")]),
    )


MENTION_SCHEMA = export_schema({"id": int}, {"filename": str, "entity": str, "weight": float})


def names(columns: Any) -> list[str]:
    return [column.name for column in columns]


@pytest.mark.row("KG-2/3/4 graph export")
def test_fields_become_keys_properties_and_ends() -> None:
    plan = plan_graph([DOCUMENTS, (mentions(), MENTION_SCHEMA)], [ENTITY])
    document, mention = plan.exports
    assert isinstance(document, NodePlan)
    assert (names(document.key), names(document.properties)) == (["filename"], ["title"])
    assert isinstance(mention, RelationshipPlan)
    assert (names(mention.key), names(mention.properties)) == (["id"], ["weight"])
    assert [(each.name, each.position) for each in mention.source.key] == [("filename", 1)]
    assert [(each.name, each.position) for each in mention.target.key] == [("value", 2)]
    assert {name: label.exported for name, label in plan.labels.items()} == {
        "Entity": False,
        "Document": True,
    }


def test_a_part_of_the_key_can_name_an_end_and_one_field_both_ends() -> None:
    follows = Relationships(
        "FOLLOWS",
        NodeFromFields("P", [TargetFieldMapping("space"), TargetFieldMapping("a", "id")]),
        NodeFromFields("P", [TargetFieldMapping("space"), TargetFieldMapping("b", "id")]),
    )
    schema = export_schema({"a": int, "b": int}, {"space": str, "since": int})
    plan = plan_graph([(follows, schema)], [Declaration(ReferencedNode("P", ["space", "id"]))])
    (relationship,) = plan.exports
    assert isinstance(relationship, RelationshipPlan)
    assert names(relationship.key) == ["a", "b"]
    assert names(relationship.properties) == ["since"]
    assert [each.position for each in relationship.source.key] == [2, 0]
    assert [each.position for each in relationship.target.key] == [2, 1]


@pytest.mark.row("KG-5 declaration")
def test_an_end_that_is_neither_exported_nor_declared_is_an_error() -> None:
    with pytest.raises(DefinitionError, match=r"'MENTION' has nodes 'Entity' at its ends") as info:
        plan_graph([DOCUMENTS, (mentions(), MENTION_SCHEMA)])
    assert "nodes_label='Entity'" in str(info.value)
    plan_graph([DOCUMENTS, (mentions(), MENTION_SCHEMA)], [ENTITY])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([TargetFieldMapping("nothing", "value")], "Fields not mapped for node 'Entity' at the "
         "target of relationship 'MENTION': 'nothing'; the export has no such field"),
        ([TargetFieldMapping("entity", "name")], "Fields not mapped for node 'Entity' at the "
         "target of relationship 'MENTION': nothing gives its key 'value'"),
        ([TargetFieldMapping("entity", "value"), TargetFieldMapping("filename", "value")],
         "Two fields are mapped to the property 'value'"),
        ([TargetFieldMapping("entity", "__value")], "begins with two underscores"),
        ([TargetFieldMapping("entity", "")], "'' cannot be a property"),
    ],
)  # fmt: skip
def test_an_end_whose_fields_do_not_fit_is_an_error(
    fields: list[TargetFieldMapping], message: str
) -> None:
    with pytest.raises(DefinitionError, match=message.replace("(", "\\(")):
        plan_graph([DOCUMENTS, (mentions(target=fields), MENTION_SCHEMA)], [ENTITY])


def test_contradictions_are_errors() -> None:
    with pytest.raises(DefinitionError, match=r"Two exports write the nodes 'Document'"):
        plan_graph([DOCUMENTS, DOCUMENTS])
    with pytest.raises(DefinitionError, match=r"Two exports write the relationships 'MENTION'"):
        plan_graph([DOCUMENTS, *[(mentions(), MENTION_SCHEMA)] * 2], [ENTITY])
    with pytest.raises(DefinitionError, match=r"has the key 'id' in one place, and 'filename'"):
        plan_graph([DOCUMENTS], [Declaration(ReferencedNode("Document", ["id"]))])
    with pytest.raises(DefinitionError, match=r"'value' of the node label 'Entity' is Str in one"):
        other = Relationships(
            "LIKE",
            NodeFromFields("Entity", [TargetFieldMapping("number", "value")]),
            NodeFromFields("Entity", [TargetFieldMapping("number", "value")]),
        )
        schema = export_schema({"id": int}, {"number": int})
        plan_graph([DOCUMENTS, (mentions(), MENTION_SCHEMA), (other, schema)], [ENTITY])
    with pytest.raises(DefinitionError, match=r"'Doc`ument' cannot be a node label"):
        plan_graph([(Nodes("Doc`ument"), DOCUMENTS[1])])
    with pytest.raises(DefinitionError, match=r"no fields for the node label 'Entity'"):
        plan_graph([], [Declaration(ReferencedNode("Entity", []))])


VECTOR = Vector[np.float32, Literal[3]]


@pytest.mark.parametrize(
    ("annotation", "index", "message"),
    [
        (str, VectorIndexDef("v", Metric.COSINE_SIMILARITY), "'v' of the node label 'P' cannot "
         "have a vector index: it is Str"),
        (Vector[np.float32], VectorIndexDef("v", Metric.COSINE_SIMILARITY), "it is Vector"),
        (VECTOR, VectorIndexDef("w", Metric.COSINE_SIMILARITY), "there is no such property"),
        (VECTOR, VectorIndexDef("v", Metric.INNER_PRODUCT), "the inner product"),
        (VECTOR, VectorIndexDef("v", Metric.L2_DISTANCE, IvfFlatVectorIndexMethod()), "IVFFlat"),
    ],
)  # fmt: skip
def test_a_vector_index_that_cannot_be_is_an_error(
    annotation: Any, index: VectorIndexDef, message: str
) -> None:
    schema = export_schema({"id": int}, {"v": annotation}, vector_indexes=[index])
    with pytest.raises(DefinitionError, match=message):
        plan_graph([(Nodes("P"), schema)])


def test_indexes_are_planned_for_exports_declarations_and_relationships() -> None:
    index = VectorIndexDef("v", Metric.L2_DISTANCE, HnswVectorIndexMethod(m=8))
    rel = Relationships(
        "NEAR",
        NodeFromFields("P", [TargetFieldMapping("a", "id")]),
        NodeFromFields("P", [TargetFieldMapping("b", "id"), TargetFieldMapping("bv", "v")]),
    )
    schema = export_schema(
        {"id": int}, {"a": int, "b": int, "bv": VECTOR, "v": VECTOR}, vector_indexes=[index]
    )
    declared = Declaration(ReferencedNode("P", ["id"], [index]))
    plan = plan_graph([(rel, schema)], [declared])
    (relationship,) = plan.exports
    assert isinstance(relationship, RelationshipPlan)
    for found in (relationship.vector_indexes, plan.labels["P"].vector_indexes):
        assert [(each.field, each.dimension, each.m) for each in found] == [("v", 3, 8)]


def test_a_full_text_index_needs_text() -> None:
    schema = export_schema({"id": int}, {"v": int}, fts_indexes=[FtsIndexDef("v")])
    with pytest.raises(DefinitionError, match="cannot have a full-text index: it is Int64"):
        plan_graph([(Nodes("P"), schema)])


def test_a_backend_without_vector_indexes_says_so_when_the_flow_is_built() -> None:
    reference = add_auth_entry("no vectors", LadybugConnection("http://127.0.0.1:1"))
    index = VectorIndexDef("v", Metric.COSINE_SIMILARITY)
    spec = Ladybug(connection=reference, mapping=Nodes("P"))
    schema = export_schema({"id": int}, {"v": VECTOR}, vector_indexes=[index])
    connector: Any = connector_of(spec)
    with pytest.raises(DefinitionError, match="'P' asks for a vector index, which the target Lady"):
        connector.bind([(spec, schema)], ())


def test_exports_to_two_graphs_do_not_see_each_other() -> None:
    one = add_auth_entry("graph one", LadybugConnection("http://127.0.0.1:1"))
    two = add_auth_entry("graph two", LadybugConnection("http://127.0.0.1:2"))
    exports: list[Any] = [
        (Ladybug(connection=one, mapping=DOCUMENTS[0]), DOCUMENTS[1]),
        (Ladybug(connection=two, mapping=mentions()), MENTION_SCHEMA),
    ]
    connector: Any = connector_of(exports[0][0])
    entity = LadybugDeclaration(connection=two, nodes_label="Entity", primary_key_fields=["value"])
    with pytest.raises(DefinitionError, match="'Document' at its ends"):
        connector.bind(exports, [entity])
    document = LadybugDeclaration(two, "Document", ["filename"])
    bound, declared = connector.bind(exports, [entity, document])
    keys = [connector.persistent_key(spec, "t", "f", "") for spec in (*bound, *declared)]
    assert keys == [
        {"connection": "graph one", "label": "Document"},
        {"connection": "graph two", "rel_type": "MENTION"},
        {"connection": "graph two", "label": "Entity"},
        {"connection": "graph two", "label": "Document"},
    ]
    assert connector.describe(keys[1]) == "relationships 'MENTION' of Ladybug 'graph two'"
    # The key before binding is the same: a flow's resources are known by name alone.
    assert connector.persistent_key(exports[1][0], "t", "f", "") == keys[1]


def test_the_old_names_are_the_new_classes() -> None:
    assert mapping.NodeMapping is Nodes
    assert mapping.RelationshipMapping is Relationships
    assert mapping.NodeReferenceMapping is NodeFromFields
