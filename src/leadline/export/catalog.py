"""The formats by name. A new one is one file beside this, and one line here."""

from leadline.export.contract import Format
from leadline.export.executorch import write_executorch
from leadline.export.litert import write_litert
from leadline.export.ncnn import write_ncnn
from leadline.export.onnx import write_onnx
from leadline.export.onnx_int8 import quantize_onnx
from leadline.export.openvino import write_openvino
from leadline.export.openvino_int8 import quantize_openvino
from leadline.export.torchscript import write_torchscript

FORMATS: dict[str, Format] = {
    "onnx": Format(write_onnx, (".onnx",), half=True, dynamic=True, quantize=quantize_onnx),
    "openvino": Format(
        write_openvino,
        (".xml", ".bin"),
        half=True,
        dynamic=True,
        install="'leadline[export,nncf]'",
        quantize=quantize_openvino,
    ),
    "torchscript": Format(write_torchscript, (".torchscript",), half=False, dynamic=True),
    "executorch": Format(write_executorch, (".pte",), half=False, dynamic=False, install="'leadline[executorch]'"),
    "litert": Format(write_litert, (".tflite",), half=False, dynamic=False, install="'leadline[litert]'"),
    "ncnn": Format(write_ncnn, (".ncnn",), half=True, dynamic=False, install="'leadline[ncnn]'"),
}
