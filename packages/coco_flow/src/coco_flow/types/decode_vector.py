"""Decoders of vectors: to the list or array that user code declared."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from coco_flow.types.analysis import (
    DataTypeInfo,
    SequenceType,
    UnionType,
    analyze_type_info,
    is_numpy_number_type,
)
from coco_flow.types.mismatch import Path, does_not_fit, mismatch, wrong_dimension
from coco_flow.types.scalars import IDENTITY
from coco_flow.types.value_types import ValueType, VectorTypeSchema

__all__ = ["NUMBER_KINDS", "Decoder", "make_vector_decoder"]

Decoder: TypeAlias = Callable[[Any], Any]

NUMBER_KINDS: Final = ("Int64", "Float32", "Float64")
"""Kinds whose vectors are arrays in the engine."""


def make_vector_decoder(
    path: Path,
    source: VectorTypeSchema,
    declared: DataTypeInfo,
    make_decoder: Callable[[Path, ValueType, DataTypeInfo], Decoder],
) -> Decoder:
    """Return the decoder from a vector; `make_decoder` makes that of its elements.

    Raises:
        DefinitionError: The declared type is no sequence, or its elements do not fit.
    """
    infos = [declared]
    if isinstance(declared.variant, UnionType):
        infos = [analyze_type_info(t) for t in declared.variant.variant_types]
    info = next((i for i in infos if isinstance(i.variant, SequenceType)), None)
    if info is None or not isinstance(info.variant, SequenceType):
        raise does_not_fit(path, declared.core_type, "a list type expected")
    build = _builder(path, source, info, info.variant.elem_type, make_decoder)
    dimension = info.variant.vector_info.dim if info.variant.vector_info is not None else None
    nullable = declared.nullable

    def decode(value: Any) -> Any:
        if value is None:
            if nullable:
                return None
            raise mismatch(path, "Received null for non-nullable vector", value)
        if value.__class__ is not list and not _is_array(value):
            raise mismatch(path, "Expected NDArray or list for vector", value)
        if dimension is not None and len(value) != dimension:
            raise wrong_dimension(path, dimension, value)
        return build(value)

    return decode


def _builder(
    path: Path,
    source: VectorTypeSchema,
    info: DataTypeInfo,
    elem_type: Any,
    make_decoder: Callable[[Path, ValueType, DataTypeInfo], Decoder],
) -> Decoder:
    """Return what makes the declared list or array from the engine's."""
    element = source.element_type
    if _is_array_type(info.base_type):
        if element.vector is None and element.kind not in NUMBER_KINDS:
            raise does_not_fit(path, info.core_type, f"passed in a vector of {element}")
        import numpy as np

        dtype = elem_type if is_numpy_number_type(elem_type) else None
        # A copy, so that user code may write to it: the engine's own may be shared or read-only.
        return lambda value: np.array(value, dtype=dtype)
    elem_info = analyze_type_info(elem_type)
    decode_element = make_decoder((*path, "[*]"), element, elem_info)
    plain_numbers = element.kind in NUMBER_KINDS and not is_numpy_number_type(elem_info.core_type)

    def build(value: Any) -> Any:
        elements = value if value.__class__ is list else value.tolist()
        if decode_element is IDENTITY or (plain_numbers and elements is not value):
            return list(elements)
        return [decode_element(item) for item in elements]

    return build


def _is_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def _is_array_type(base_type: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and base_type is numpy.ndarray
