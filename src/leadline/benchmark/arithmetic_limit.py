"""What the machine's arithmetic allows: a large matrix product in float32."""

from __future__ import annotations

from functools import partial

import numpy as np

from leadline.benchmark.worker import Subject

MATRIX_PRODUCT = "matrix product"
"""The one action."""

SIZE = 768
"""Three matrices of 2.4 MB each: they stay in the caches, and the product is long enough to keep every core busy."""

# The graph `c = MatMul(a, b)` with free sizes, as `onnx.helper.make_model(graph, opset_imports=[make_opsetid("", 13)],
# ir_version=8).SerializeToString()` writes it (a test does): the base install has no onnx to make it with. ONNX Runtime
# rather than NumPy, because the limit should be of the arithmetic, not of whichever BLAS NumPy came with.
_GRAPH = (
    b'\x08\x08:I\n\x11\n\x01a\n\x01b\x12\x01c"\x06MatMul\x12\x01gZ\x0f\n\x01a\x12\n\n\x08\x08\x01\x12\x04\n\x00\n\x00'
    b"Z\x0f\n\x01b\x12\n\n\x08\x08\x01\x12\x04\n\x00\n\x00b\x0f\n\x01c\x12\n\n\x08\x08\x01\x12\x04\n\x00\n\x00"
    b"B\x04\n\x00\x10\r"
)


def open_matrix_product(threads: int | None) -> Subject:
    """The product of two SIZE x SIZE matrices in ONNX Runtime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    session = onnxruntime.InferenceSession(_GRAPH, options, providers=["CPUExecutionProvider"])
    matrix = np.random.default_rng(0).random((SIZE, SIZE), np.float32)
    product = partial(session.run, None, {"a": matrix, "b": matrix})
    return Subject({MATRIX_PRODUCT: product})
