"""Encoders: from the values of user code to those of the engine, chosen once for each type."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from coco_flow.errors import DefinitionError, ValueMismatch
from coco_flow.types.analysis import (
    AnyType,
    BasicType,
    DataTypeInfo,
    MappingType,
    OtherType,
    SequenceType,
    StructType,
    UnionType,
    analyze_type_info,
)
from coco_flow.types.choices import is_enum, make_enum_encoder
from coco_flow.types.mismatch import Path, mismatch, wrong_dimension
from coco_flow.types.scalars import (
    IDENTITY,
    Encoder,
    make_scalar_encoder,
    without_numpy_scalars,
)
from coco_flow.types.variants import make_variant_finder

__all__ = ["ARRAY_DTYPES", "IDENTITY", "make_engine_key_encoder", "make_engine_value_encoder"]

ARRAY_DTYPES = {"Int64": "int64", "Float32": "float32", "Float64": "float64"}
"""Numpy's name of the element type, for the kinds whose vectors are arrays in the engine."""


def make_engine_value_encoder(
    type_info: DataTypeInfo, *, canonical: bool = True, path: Path = ()
) -> Encoder:
    """Return the encoder for values of an analyzed annotation; None passes through it.

    Args:
        type_info: The analyzed annotation.
        canonical: Yield exactly the engine's form. Otherwise lists of numbers stay lists, where
            the annotation is a list, and datetimes stay without zone.
        path: Where the value is, for errors.

    Raises:
        DefinitionError: The engine has no type for the annotation.
    """
    variant = type_info.variant
    if isinstance(variant, OtherType):
        raise DefinitionError(
            f"Type annotation `{type_info.core_type!r}` is unsupported.",
            hint="Use a basic type, a list, a dict of structs, or a struct; "
            "coco_flow.Json is any JSON.",
        )
    if isinstance(variant, StructType):
        return _struct_encoder(variant, canonical, path, frozen=False)
    if isinstance(variant, MappingType):
        return _keyed_table_encoder(variant, canonical, path)
    if isinstance(variant, SequenceType):
        element = analyze_type_info(variant.elem_type)
        if isinstance(element.variant, StructType):
            return _table_encoder(element, canonical, path)
        return _vector_encoder(variant, element, type_info, canonical, path)
    if isinstance(variant, AnyType):
        return without_numpy_scalars
    if isinstance(variant, UnionType):
        return _union_encoder(variant, canonical, path)
    if variant.kind == "OffsetDateTime" and not canonical:
        return IDENTITY
    encode = make_scalar_encoder(variant.kind, path)
    if is_enum(type_info.core_type):
        return make_enum_encoder(type_info.core_type, encode)
    return encode


def make_engine_key_encoder(
    type_info: DataTypeInfo, *, canonical: bool = True, path: Path = ("<key>",)
) -> Encoder:
    """Return the encoder for keys: it yields the tuple of the key's parts."""
    if isinstance(type_info.variant, StructType):
        encode_struct = _struct_encoder(type_info.variant, canonical, path, frozen=True)
        return _without_null(encode_struct, "key", path)
    encode_value = make_engine_value_encoder(type_info, canonical=canonical, path=path)
    encode_part = _without_null(encode_value, "key", path)
    return lambda value: (encode_part(value),)


def _without_null(encode: Encoder, what: str, path: Path) -> Encoder:
    """Return the encoder that rejects None."""

    def encode_present(value: Any) -> Any:
        if value is None:
            raise mismatch(path, f"Received null for {what}", value)
        return encode(value)

    return encode_present


def _struct_encoder(variant: StructType, canonical: bool, path: Path, *, frozen: bool) -> Encoder:
    """Return the encoder of a struct: to a list, or to a tuple if it must be hashable."""
    fields = variant.fields
    encoders = []
    for field in fields:
        info = analyze_type_info(field.type_hint)
        field_path = (*path, field.name)
        if frozen and isinstance(info.variant, StructType):
            encoders.append(_struct_encoder(info.variant, canonical, field_path, frozen=True))
        else:
            encoders.append(make_engine_value_encoder(info, canonical=canonical, path=field_path))
    names = [field.name for field in fields]
    read = _reader(names)
    expected = f"Expected {variant.struct_type.__name__}"

    def encode(value: Any) -> Any:
        if value is None:
            return None
        try:
            parts = read(value)
        except AttributeError as error:
            raise mismatch(path, expected, value) from error
        return [encode_field(part) for encode_field, part in zip(encoders, parts, strict=True)]

    if frozen:
        return lambda value: None if value is None else tuple(encode(value))
    return encode


def _reader(names: Sequence[str]) -> Encoder:
    """Return a function that reads the attributes `names` as a sequence."""
    if len(names) > 1:
        return operator.attrgetter(*names)
    return lambda value: [getattr(value, name) for name in names]


def _row_encoder(info: DataTypeInfo, canonical: bool, path: Path) -> Encoder:
    encode = make_engine_value_encoder(info, canonical=canonical, path=path)
    return _without_null(encode, "row", path)


def _table_encoder(element: DataTypeInfo, canonical: bool, path: Path) -> Encoder:
    encode_row = _row_encoder(element, canonical, (*path, "[*]"))

    def encode(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__iter__"):
            raise mismatch(path, "Expected a list of rows", value)
        return [encode_row(row) for row in value]

    return encode


def _keyed_table_encoder(variant: MappingType, canonical: bool, path: Path) -> Encoder:
    value_info = analyze_type_info(variant.value_type)
    if not isinstance(value_info.variant, StructType):
        raise DefinitionError(
            f"Value type for dict is required to be a struct (e.g. dataclass or NamedTuple), "
            f"got {variant.value_type!r}.",
            hint="Use coco_flow.Json for a free-form dict.",
        )
    encode_key = make_engine_key_encoder(
        analyze_type_info(variant.key_type), canonical=canonical, path=(*path, "<key>")
    )
    encode_row = _row_encoder(value_info, canonical, (*path, "<value>"))

    def encode(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise mismatch(path, "Expected a dict", value)
        return [[*encode_key(key), *encode_row(row)] for key, row in value.items()]

    return encode


def _vector_encoder(
    variant: SequenceType, element: DataTypeInfo, info: DataTypeInfo, canonical: bool, path: Path
) -> Encoder:
    dimension = variant.vector_info.dim if variant.vector_info is not None else None
    stays_list = not canonical and info.base_type in (list, Sequence)
    if isinstance(element.variant, BasicType) and not stays_list:
        dtype = ARRAY_DTYPES.get(element.variant.kind)
        if dtype is not None:
            return _array_encoder(dtype, dimension, path)
    element_path = (*path, "[*]")
    encode_element = make_engine_value_encoder(element, canonical=canonical, path=element_path)
    if not element.nullable and not isinstance(element.variant, AnyType):
        encode_element = _without_null(encode_element, "element", element_path)

    def encode(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, str | bytes | Mapping | AbstractSet) or not hasattr(value, "__iter__"):
            raise mismatch(path, "Expected a list", value)
        elements = [encode_element(item) for item in value]
        if dimension is not None and len(elements) != dimension:
            raise wrong_dimension(path, dimension, elements)
        return elements

    return encode


def _array_encoder(dtype_name: str, dimension: int | None, path: Path) -> Encoder:
    """Return the encoder of a vector of numbers: to a numpy array of one dimension."""
    # Numpy is imported when a flow has such a vector, not before.
    import numpy as np

    dtype = np.dtype(dtype_name)
    # Kinds of numpy's dtypes that lose nothing but precision: bool, int, unsigned and float.
    accepted = "biu" if dtype.kind == "i" else "biuf"

    def encode(value: Any) -> Any:
        if value is None:
            return None
        if value.__class__ is np.ndarray and value.dtype == dtype and value.ndim == 1:
            array = value
        else:
            array = np.asarray(value)
            if array.ndim != 1 or (array.dtype.kind not in accepted and array.size):
                raise mismatch(path, f"Expected a vector of {dtype_name}", value)
            array = array.astype(dtype)
        if dimension is not None and len(array) != dimension:
            raise wrong_dimension(path, dimension, array)
        return array

    return encode


def _union_encoder(variant: UnionType, canonical: bool, path: Path) -> Encoder:
    """Return the encoder of a union: the variant of exactly the type, else the first that fits."""
    infos = [analyze_type_info(t) for t in variant.variant_types]
    encoders = [make_engine_value_encoder(i, canonical=canonical, path=path) for i in infos]
    find = make_variant_finder([_kind(info) for info in infos])

    def encode(value: Any) -> Any:
        if value is None:
            return None
        index = find(value)
        likely = () if index is None else (encoders[index],)
        for encode_variant in (*likely, *encoders):
            try:
                return encode_variant(value)
            except ValueMismatch:
                continue
        names = " | ".join(_kind(info) for info in infos)
        raise mismatch(path, f"Expected one of {names}", value)

    return encode


def _kind(info: DataTypeInfo) -> str:
    """Return the kind of a variant of a union."""
    if isinstance(info.variant, BasicType):
        return info.variant.kind
    if isinstance(info.variant, SequenceType):
        return "Vector"
    raise DefinitionError(
        f"Unsupported type annotation: {info.core_type!r} inside a union.",
        hint="Variants of unions are basic types.",
    )
