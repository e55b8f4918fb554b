"""Encoders and decoders of values, in the form in which lists of numbers stay lists."""

from functools import partial

from coco_flow.types import decode, encode
from coco_flow.types.analysis import ANY_TYPE_INFO

__all__ = [
    "ANY_TYPE_INFO",
    "make_engine_key_decoder",
    "make_engine_key_encoder",
    "make_engine_struct_decoder",
    "make_engine_value_decoder",
    "make_engine_value_encoder",
]

make_engine_key_encoder = partial(encode.make_engine_key_encoder, canonical=False)
make_engine_value_encoder = partial(encode.make_engine_value_encoder, canonical=False)
make_engine_key_decoder = decode.make_engine_key_decoder
make_engine_struct_decoder = decode.make_engine_struct_decoder
make_engine_value_decoder = decode.make_engine_value_decoder
