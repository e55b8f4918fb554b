"""CPU check: detects processors whose u8 by s8 products saturate.

Older x86 processors (no VNNI) add pairs of such products in 16 bits, where 2 * 255 * 127 does not
fit; ONNX Runtime's kernels for them saturate. Weights of 7 bits always fit. Trying it is shorter
and surer than reading processor flags on three operating systems.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from coco_embed.session import open_session

__all__ = ["weight_limit"]

_FULL_LIMIT = 127
_SAFE_LIMIT = 63
# A few registers' worth in each direction, so that the vector kernel runs and not its tail.
_SIDE = 64


def weight_limit() -> int:
    """Return the largest absolute int8 weight whose products this processor sums exactly."""
    activations = np.full((4, _SIDE), 255, np.uint8)
    weights = np.full((_SIDE, _SIDE), _FULL_LIMIT, np.int8)
    node = helper.make_node("MatMulInteger", ["a", "b"], ["c"])
    graph = helper.make_graph(
        [node],
        "saturation",
        [helper.make_tensor_value_info("a", TensorProto.UINT8, activations.shape)],
        [helper.make_tensor_value_info("c", TensorProto.INT32, [4, _SIDE])],
        [numpy_helper.from_array(weights, "b")],
    )
    opsets = [helper.make_opsetid("", 20)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    product = open_session(model.SerializeToString()).run(["c"], {"a": activations})[0]
    exact = activations.astype(np.int32) @ weights.astype(np.int32)
    return _FULL_LIMIT if np.array_equal(product, exact) else _SAFE_LIMIT
