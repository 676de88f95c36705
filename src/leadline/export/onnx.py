"""ONNX: the file that the base install runs, with metres as its output and the model's card inside."""

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch

from leadline.export.contract import Metres
from leadline.model_card import METADATA_KEY, ModelCard
from leadline.networks.depth_net import DepthNet

# As old as the graph allows (bilinear Resize with `antialias`), so that runtimes of 2023 load it.
OPSET = 18
IR_VERSION = 8


def write_onnx(net: DepthNet, card: ModelCard, path: Path, *, half: bool, dynamic: bool) -> None:
    """Write `.onnx`: batches of any size, pictures of the card's size or, when dynamic, of any."""
    size = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC} if dynamic else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            Metres(net, card.correction),
            (torch.zeros(2, 3, card.height, card.width),),  # two: torch.export would take a batch of one as fixed
            input_names=["image"],
            output_names=["depth_m"],
            dynamic_shapes={"image": {0: torch.export.Dim.DYNAMIC, **size}},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    model.ir_version = IR_VERSION
    _forget_where_it_was_made(model)
    _say_whole_scales(model.graph)
    _name_sizes(model.graph)
    if half:
        _halve_weights(model.graph)
    onnx.helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _forget_where_it_was_made(model: onnx.ModelProto) -> None:
    """The exporter notes for each node the source lines that made it, with this machine's folders."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        del part.metadata_props[:]
        part.ClearField("doc_string")


def _say_whole_scales(graph: onnx.GraphProto) -> None:
    """Enlarging by a whole number is said as such, where the exporter computes a size from the batch's and others.

    The values stay the same. ONNX Runtime keeps its blocked layout of channels through such a Resize and not through
    others, which is a tenth of the time of yolov8n at 240x320 on AVX2.
    """
    shapes = {value.name: [size.dim_value for size in value.type.tensor_type.shape.dim] for value in graph.value_info}
    for node in graph.node:
        if node.op_type == "Resize":
            before, after = shapes[node.input[0]][2:], shapes[node.output[0]][2:]  # 0 where it depends on the input
            if all(old and new % old == 0 for old, new in zip(before, after, strict=True)):
                scales = [1, 1, *(new // old for old, new in zip(before, after, strict=True))]
                constant = onnx.numpy_helper.from_array(np.array(scales, np.float32), f"{node.name}.scales")
                graph.initializer.append(constant)
                node.input[:] = [node.input[0], "", constant.name]
    _drop_unused(graph)


def _drop_unused(graph: onnx.GraphProto) -> None:
    """The nodes whose results nobody reads any more, and the constants that only they read."""
    used = {value.name for value in graph.output}
    for node in reversed(graph.node):  # they are sorted: whoever reads comes after
        if used.intersection(node.output):
            used.update(node.input)
    for part, names in ((graph.node, lambda node: node.output), (graph.initializer, lambda constant: [constant.name])):
        for entry in [entry for entry in part if not used.intersection(names(entry))]:
            part.remove(entry)


def _name_sizes(graph: onnx.GraphProto) -> None:
    for value, names in (
        (graph.input[0], "batch 3 height width"),
        (graph.output[0], "batch 1 depth_height depth_width"),
    ):
        for size, name in zip(value.type.tensor_type.shape.dim, names.split(), strict=True):
            if size.dim_param:
                size.dim_param = name
    del graph.value_info[:]  # inner shapes in the exporter's names; every runtime infers them again


def _halve_weights(graph: onnx.GraphProto) -> None:
    """Weights in float16, each with a cast to float32 that runtimes fold when they load: the arithmetic stays float32.

    Biases and other vectors stay as they are: they are a hundredth of the file.
    """
    casts = []
    for weight in graph.initializer:
        if weight.data_type == onnx.TensorProto.FLOAT and len(weight.dims) > 1:
            name, stored = weight.name, f"{weight.name}.float16"
            weight.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weight).astype(np.float16), stored))
            casts.append(
                onnx.helper.make_node("Cast", [stored], [name], name=f"{name}.cast", to=onnx.TensorProto.FLOAT)
            )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
