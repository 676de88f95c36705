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
            Metres(net),
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
