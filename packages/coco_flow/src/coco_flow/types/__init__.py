"""Types of coco_flow: annotations, the engine's types, and conversions between their values."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coco_flow.types.analysis import (
        ANY_TYPE_INFO,
        DataTypeInfo,
        analyze_type_info,
        is_namedtuple_type,
        is_numpy_number_type,
        is_pydantic_model,
        is_struct_type,
    )
    from coco_flow.types.annotations import (
        KEY_FIELD_NAME,
        TABLE_TYPES,
        Annotation,
        Float32,
        Float64,
        Int64,
        Json,
        LocalDateTime,
        OffsetDateTime,
        Range,
        TypeAttr,
        TypeKind,
        Vector,
        VectorInfo,
    )
    from coco_flow.types.codec import (
        digest,
        make_packer,
        make_unpacker,
        pack_any,
        pack_key,
        unpack_any,
        unpack_key,
    )
    from coco_flow.types.decode import (
        make_engine_key_decoder,
        make_engine_struct_decoder,
        make_engine_value_decoder,
    )
    from coco_flow.types.dump import dump_engine_object, load_engine_object
    from coco_flow.types.encode import make_engine_key_encoder, make_engine_value_encoder
    from coco_flow.types.scalars import IDENTITY
    from coco_flow.types.schema import (
        BasicValueType,
        EnrichedValueType,
        FieldSchema,
        StructSchema,
        StructType,
        TableType,
        UnionTypeSchema,
        ValueType,
        VectorTypeSchema,
        decode_field_schemas,
        decode_value_type,
        encode_enriched_type,
        encode_enriched_type_info,
        encode_value_type,
        enriched_type,
        key_field_schemas,
        resolve_forward_ref,
    )

# The module of each name; imported on first use, so that importing this package takes little time.
_HOMES = {
    "analysis": (
        "ANY_TYPE_INFO DataTypeInfo analyze_type_info is_namedtuple_type is_numpy_number_type "
        "is_pydantic_model is_struct_type"
    ),
    "annotations": (
        "KEY_FIELD_NAME TABLE_TYPES Annotation Float32 Float64 Int64 Json LocalDateTime "
        "OffsetDateTime Range TypeAttr TypeKind Vector VectorInfo"
    ),
    "codec": "digest make_packer make_unpacker pack_any pack_key unpack_any unpack_key",
    "decode": "make_engine_key_decoder make_engine_struct_decoder make_engine_value_decoder",
    "dump": "dump_engine_object load_engine_object",
    "encode": "make_engine_key_encoder make_engine_value_encoder",
    "scalars": "IDENTITY",
    "schema": (
        "BasicValueType EnrichedValueType FieldSchema StructSchema StructType TableType "
        "UnionTypeSchema ValueType VectorTypeSchema decode_field_schemas decode_value_type "
        "encode_enriched_type encode_enriched_type_info encode_value_type enriched_type "
        "key_field_schemas resolve_forward_ref"
    ),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = [
    "ANY_TYPE_INFO",
    "IDENTITY",
    "KEY_FIELD_NAME",
    "TABLE_TYPES",
    "Annotation",
    "BasicValueType",
    "DataTypeInfo",
    "EnrichedValueType",
    "FieldSchema",
    "Float32",
    "Float64",
    "Int64",
    "Json",
    "LocalDateTime",
    "OffsetDateTime",
    "Range",
    "StructSchema",
    "StructType",
    "TableType",
    "TypeAttr",
    "TypeKind",
    "UnionTypeSchema",
    "ValueType",
    "Vector",
    "VectorInfo",
    "VectorTypeSchema",
    "analyze_type_info",
    "decode_field_schemas",
    "decode_value_type",
    "digest",
    "dump_engine_object",
    "encode_enriched_type",
    "encode_enriched_type_info",
    "encode_value_type",
    "enriched_type",
    "is_namedtuple_type",
    "is_numpy_number_type",
    "is_pydantic_model",
    "is_struct_type",
    "key_field_schemas",
    "load_engine_object",
    "make_engine_key_decoder",
    "make_engine_key_encoder",
    "make_engine_struct_decoder",
    "make_engine_value_decoder",
    "make_engine_value_encoder",
    "make_packer",
    "make_unpacker",
    "pack_any",
    "pack_key",
    "resolve_forward_ref",
    "unpack_any",
    "unpack_key",
]


def __getattr__(name: str) -> Any:
    """Import the name from its module on first use."""
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value
