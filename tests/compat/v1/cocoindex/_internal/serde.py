"""Typed serialization under the public engine's names."""

from __future__ import annotations

from coco_flow.components.serde import (
    ENCODER,
    PICKLED_TYPES,
    UNPICKLE_SAFE,
    DeserializationError,
    DeserializeFn,
    allow_unpickle,
    dec_hook,
    deserialize,
    enable_strict_serialize,
    enc_hook,
    ext_hook,
    get_deserialize_fn,
    get_param_annotation,
    make_deserialize_fn,
    pickle_dumps,
    qualified_name,
    serialize,
    serialize_by_pickle,
    strip_non_existence_type,
    unpickle_safe,
    unwrap_element_type,
)

__all__ = [
    "DeserializationError",
    "DeserializeFn",
    "deserialize",
    "enable_strict_serialize",
    "get_deserialize_fn",
    "get_param_annotation",
    "make_deserialize_fn",
    "qualified_name",
    "serialize",
    "serialize_by_pickle",
    "strip_non_existence_type",
    "unpickle_safe",
    "unwrap_element_type",
]

_add_unpickle_safe_global = allow_unpickle
_dec_hook = dec_hook
_enc_hook = enc_hook
_ext_hook = ext_hook
_msgspec_encoder = ENCODER
_strict_pickle_dumps = pickle_dumps
_SERIALIZE_BY_PICKLE_TYPES = PICKLED_TYPES
_UNPICKLE_SAFE_GLOBALS = UNPICKLE_SAFE
