"""Multiply-adds of an ONNX file, counted from the shapes that ONNX Runtime saw; the base install has no onnx to ask."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

Shape = list[int]


def count_multiply_adds(path: Path, *, height: int, width: int) -> int:
    """Of convolutions and matrix products for one picture; all else is small beside them.

    Args:
        path: an `.onnx` file with one picture (1, 3, H, W) as its input.
        height: of the input.
        width: of the input.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # nodes as in the file
    options.add_session_config_entry("session.disable_prepacking", "1")  # packed weights would have no shape to see
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        session.run(None, {session.get_inputs()[0].name: np.zeros((1, 3, height, width), np.float32)})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return sum(_of_node(event["args"]) for event in events if event["name"].endswith("_kernel_time"))


def _of_node(node: Mapping[str, Any]) -> int:
    operator = node["op_name"]
    if operator not in ("Conv", "ConvTranspose", "MatMul", "Gemm"):
        return 0
    inputs, outputs = _shapes(node["input_type_shape"]), _shapes(node["output_type_shape"])
    if operator == "Conv":  # weights (outputs, inputs of a group, kernel...)
        return math.prod(outputs[0]) * math.prod(inputs[1][1:])
    if operator == "ConvTranspose":  # weights (inputs, outputs of a group, kernel...)
        return math.prod(inputs[0]) * math.prod(inputs[1][1:])
    return math.prod(outputs[0]) * inputs[0][-1]


def _shapes(described: list[dict[str, Shape]]) -> list[Shape]:
    return [shape for entry in described for shape in entry.values()]
