"""The formats by name. A new one is one file beside this, and one line here."""

from leadline.export.contract import Format
from leadline.export.onnx import write_onnx

FORMATS: dict[str, Format] = {
    "onnx": Format(write_onnx, (".onnx",), half=True, dynamic=True),
}
