"""ONNX in 8 bits: static quantisation by ONNX Runtime, with the most sensitive layers left in float."""

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray

from leadline.export.int8 import Trial
from leadline.inference.predictor import load

SENSITIVITY_PICTURES = 8
IN_8_BITS = [
    "Conv",
    "Concat",
    "MaxPool",
    "AveragePool",
    "Resize",
    "Relu",
    "LeakyRelu",
    "Sigmoid",
    "Mul",
    "Add",
    "Slice",
]


def quantize_onnx(whole: Path, path: Path, trial: Trial) -> list[str]:
    """All layers in 8 bits but for the head, which makes the metres, and the most sensitive ones.

    A layer is a convolution with what follows it up to the next. How sensitive it is: how far the metres move when it
    alone is in 8 bits. The most sensitive are left in float, as few as keep the loss of rel within the bound, found by
    bisection.
    """
    quantizer = _Quantizer(whole, trial)
    allowed = trial.errors(load(whole, device="cpu").network).rel * (1 + trial.worst_loss)

    def within(in_float: Collection[str]) -> bool:
        quantizer.write(path, in_float=in_float)
        return trial.errors(load(path, device="cpu").network).rel <= allowed

    if within([]):
        return []
    ranked = sorted(quantizer.layers, key=quantizer.sensitivity, reverse=True)
    few, enough = 0, len(ranked)  # `few` are too few, `enough` are
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if within(ranked[:middle]) else (middle, enough)
    quantizer.write(path, in_float=ranked[:enough])
    return ranked[:enough]


class _Quantizer:
    def __init__(self, whole: Path, trial: Trial) -> None:
        from onnxruntime.quantization import quant_utils

        self._pictures = trial.pictures[:SENSITIVITY_PICTURES]
        self._model = quant_utils.load_model_with_shape_infer(whole)
        self._ranges = _ranges(whole, trial)
        self._layers = _layers(self._model.graph)
        self.layers = list(self._layers)[:-1]
        self._expected = self._log_metres(whole)

    def write(self, path: Path, *, in_float: Collection[str]) -> None:
        from onnxruntime.quantization import QDQQuantizer, QuantType

        in_8_bits = {node for layer in self.layers if layer not in in_float for node in self._layers[layer]}
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        quantizer = QDQQuantizer(
            model,
            per_channel=True,
            # Processors without VNNI add two products in 16 bits: weights of 8 bits would overflow there.
            reduce_range=True,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=self._ranges,
            nodes_to_quantize=[],
            nodes_to_exclude=[node.name for node in model.graph.node if node.name not in in_8_bits],
            op_types_to_quantize=IN_8_BITS,
            extra_options={},
        )
        quantizer.quantize_model()
        onnx.save(quantizer.model.model, path)

    def sensitivity(self, layer: str) -> float:
        """Mean |ln(metres in 8 bits) - ln(metres in float)| when this layer alone is in 8 bits."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "one.onnx"
            self.write(path, in_float=[other for other in self.layers if other != layer])
            return float(np.abs(self._log_metres(path) - self._expected).mean())

    def _log_metres(self, path: Path) -> NDArray[np.float32]:
        network = load(path, device="cpu").network
        return np.log(np.concatenate([network(picture) for picture in self._pictures]))


def _layers(graph: onnx.GraphProto) -> dict[str, list[str]]:
    """For each convolution its own name and those of the nodes that follow it up to the next, in order."""
    layers: dict[str, list[str]] = {}
    for node in graph.node:
        if node.op_type == "Conv":
            layers[node.name] = []
        if layers:
            list(layers.values())[-1].append(node.name)
    return layers


def _ranges(whole: Path, trial: Trial) -> object:
    """The range of each operation's inputs and outputs over the pictures."""
    from onnxruntime.quantization import CalibrationDataReader, create_calibrator

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        def __init__(self) -> None:
            self._left = iter(trial.pictures)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            picture = next(self._left, None)
            return None if picture is None else {"image": picture}

    with TemporaryDirectory() as folder:
        calibrator = create_calibrator(whole, IN_8_BITS, augmented_model_path=str(Path(folder) / "augmented.onnx"))
        calibrator.collect_data(Reader())
        return calibrator.compute_data()
