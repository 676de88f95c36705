"""OpenVINO in 8 bits: static quantisation by NNCF, whose own search leaves sensitive layers in float."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadline.export.int8 import Trial


def quantize_openvino(whole: Path, path: Path, trial: Trial) -> list[str]:
    """Everything in 8 bits that NNCF can, then operations back to float, the most harmful first, within the bound."""
    import nncf
    import openvino

    pictures = nncf.Dataset(list(trial.pictures))

    def accuracy(compiled: Any, asked: Iterable[NDArray[np.float32]]) -> tuple[float, list[list[NDArray[np.float32]]]]:
        def network(images: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.array(compiled({0: images})[0])

        # NNCF wants more to be better, and ranks operations by how far they move each picture's metres.
        return 1 / trial.errors(network).rel, [[network(image)] for image in asked]

    quantized = nncf.quantize_with_accuracy_control(
        openvino.Core().read_model(whole),
        calibration_dataset=pictures,
        validation_dataset=pictures,
        validation_fn=accuracy,
        max_drop=trial.worst_loss / (1 + trial.worst_loss),  # of 1 / rel
        drop_type=nncf.DropType.RELATIVE,
        subset_size=len(trial.pictures),
    )
    openvino.save_model(quantized, path, compress_to_fp16=False)
    return _in_float(quantized)


def _in_float(model: Any) -> list[str]:
    """Names of the convolutions that take their weights in float."""
    operations = [operation for operation in model.get_ordered_ops() if operation.get_type_name() == "Convolution"]
    return [
        operation.get_friendly_name()
        for operation in operations
        if operation.input_value(1).get_node().get_type_name() == "Constant"
    ]
