"""Cypher for nodes and relationships; names are checked before, values are parameters."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "build_misplaced_relationship_delete",
    "build_node_delete",
    "build_node_upsert",
    "build_relationship_delete",
    "build_relationship_upsert",
    "over_rows",
    "pattern",
    "properties",
    "quoted",
    "vector_index_name",
]


def quoted(name: str) -> str:
    """Return a label, type or property name quoted for a statement."""
    return f"`{name}`"


def pattern(variable: str, name: str, *, is_relation: bool) -> str:
    """Return the pattern of all nodes with a label, or of all relationships of a type."""
    element = f"{variable}:{quoted(name)}"
    return f"()-[{element}]->()" if is_relation else f"({element})"


def properties(variable: str, fields: Sequence[str]) -> str:
    """Return a list of properties."""
    if not fields:
        raise ValueError(f"Name at least one property of {variable}.")
    return ", ".join(f"{variable}.{quoted(field)}" for field in fields)


def vector_index_name(label: str, field: str) -> str:
    """Return the name of a vector index that was not given one."""
    return f"coco_vec_{label}__{field}"


def over_rows(statement: str) -> str:
    """Return a statement for one row's parameters as one for the rows in the parameter `rows`."""
    return f"UNWIND $rows AS row {statement.replace('$', 'row.')}"


def build_node_upsert(label: str, pk_fields: Sequence[str], has_value_fields: bool) -> str:
    """Make or change a node; the parameters are `key_0`… and `props`."""
    statement = f"MERGE (n:{quoted(label)} {_key('key', pk_fields)})"
    return f"{statement} SET n += $props" if has_value_fields else statement


def build_node_delete(label: str, pk_fields: Sequence[str]) -> str:
    """Delete a node and its relationships; the parameters are `key_0`…."""
    return f"MATCH (n:{quoted(label)} {_key('key', pk_fields)}) DETACH DELETE n"


def build_relationship_upsert(  # noqa: PLR0917 - the parts of one pattern in their order
    rel_type: str,
    from_label: str,
    from_pk_fields: Sequence[str],
    to_label: str,
    to_pk_fields: Sequence[str],
    rel_pk_fields: Sequence[str],
    has_value_fields: bool,
) -> str:
    """Make or change a relationship, and its ends where they are missing.

    The parameters are `from_key_0`…, `to_key_0`…, `rel_key_0`… and `props`. The ends' other
    properties are their own rows' affair.
    """
    statement = (
        f"MERGE (s:{quoted(from_label)} {_key('from_key', from_pk_fields)}) "
        f"MERGE (t:{quoted(to_label)} {_key('to_key', to_pk_fields)}) "
        f"MERGE (s)-[r:{quoted(rel_type)} {_key('rel_key', rel_pk_fields)}]->(t)"
    )
    return f"{statement} SET r += $props" if has_value_fields else statement


def build_relationship_delete(rel_type: str, pk_fields: Sequence[str]) -> str:
    """Delete a relationship and leave its ends; the parameters are `key_0`…."""
    return f"MATCH ()-[r:{quoted(rel_type)} {_key('key', pk_fields)}]->() DELETE r"


def build_misplaced_relationship_delete(
    rel_type: str, from_pk_field: str, to_pk_field: str, rel_pk_field: str
) -> str:
    """Delete a relationship that has other ends; the parameters are those of its upsert."""
    return (
        f"MATCH (s)-[r:{quoted(rel_type)} {_key('rel_key', [rel_pk_field])}]->(t) "
        f"WHERE s.{quoted(from_pk_field)} <> $from_key_0 OR t.{quoted(to_pk_field)} <> $to_key_0 "
        "DELETE r"
    )


def _key(prefix: str, fields: Sequence[str]) -> str:
    if not fields:
        raise ValueError("A node or relationship is found by at least one primary key field.")
    members = (f"{quoted(field)}: ${prefix}_{number}" for number, field in enumerate(fields))
    return "{" + ", ".join(members) + "}"
