"""OpenVINO in 8 bits, by NNCF: static quantisation, and operations put back into float until the bound holds."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadline.export.int8 import Trial
from leadline.inference.runtimes.contract import one_by_one
from leadline.inference.runtimes.openvino import openvino_core


def quantize_openvino(whole: Path, path: Path, trial: Trial) -> list[str]:
    """All layers in 8 bits but for those that NNCF's accuracy control puts back, the most harmful first."""
    import nncf
    import openvino

    def goodness(compiled: Any, items: Iterable[NDArray[np.float32]]) -> tuple[float, list[list[NDArray[np.float32]]]]:
        def network(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.array(compiled({0: pictures})[0])

        # Negative, because NNCF takes more for better; by the metres of each picture it ranks the operations.
        return -trial.errors(one_by_one(network)).rel, [[network(picture)] for picture in items]

    model = openvino_core().read_model(whole)
    rel = -goodness(openvino_core().compile_model(model, "CPU"), [])[0]
    pictures = nncf.Dataset(trial.pictures)
    quantized = nncf.quantize_with_accuracy_control(
        model,
        calibration_dataset=pictures,
        validation_dataset=pictures,
        validation_fn=goodness,
        max_drop=trial.worst_loss * rel,
        drop_type=nncf.DropType.ABSOLUTE,
        preset=nncf.QuantizationPreset.MIXED,
    )
    openvino.save_model(quantized, path, compress_to_fp16=False)
    return [
        op.get_friendly_name() for op in quantized.get_ops() if op.get_type_name() == "Convolution" and _in_float(op)
    ]


def _in_float(convolution: Any) -> bool:
    """Whether its weights, a constant behind scales and conversions, are kept in float."""
    node = convolution.input_value(1).get_node()
    while node.get_input_size() > 0:
        if node.get_type_name() == "FakeQuantize":
            return False
        node = node.input_value(0).get_node()
    return bool(node.get_element_type().is_real())
