"""A model file with another card: the network and its weights stay as they are, to the last bit."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from leadline.atomic import atomic_write
from leadline.errors import UsageError
from leadline.model_card import METADATA_KEY, append_card


def write_with_card(model: Path, out: Path, card_json: str) -> None:
    """Copy a model file, with another text where its card is.

    Args:
        model: of any format that leadline runs.
        out: of the same suffix; may be the model itself.
        card_json: by `ModelCard.to_json`.

    Raises:
        UsageError: another suffix, or the format's package is missing.
        OutputError: no space or no permission.
    """
    suffix = model.suffix.lower()
    if out.suffix.lower() != suffix:
        raise UsageError(f"{out}: a calibrated model has the suffix of the model, {suffix}; `leadline export` converts")
    if suffix not in CARD_WRITERS:
        raise UsageError(f"{model}: calibrate its {' or '.join(CARD_WRITERS)} instead, and export that again")
    others = [".bin"] if suffix == ".xml" else []
    for other in others:
        if model.resolve() != out.resolve():
            with atomic_write(out.with_suffix(other)) as part:
                shutil.copyfile(model.with_suffix(other), part)
    with atomic_write(out) as part:
        try:
            CARD_WRITERS[suffix](model, part, card_json)
        except ModuleNotFoundError as error:
            raise UsageError(f"{model}: to write into it needs a package: pip install {error.name}") from error


def _write_safetensors(model: Path, out: Path, card_json: str) -> None:
    from safetensors import safe_open
    from safetensors.numpy import save_file

    with safe_open(model, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        texts = file.metadata() or {}
    # What stands beside the card, the checksum of the weights, stays true.
    both = {**json.loads(texts.get(METADATA_KEY, "{}")), **json.loads(card_json)}
    save_file(tensors, out, metadata={**texts, METADATA_KEY: json.dumps(both, sort_keys=True)})


def _write_onnx(model: Path, out: Path, card_json: str) -> None:
    import onnx

    graph = onnx.load(model)
    texts = {entry.key: entry.value for entry in graph.metadata_props}
    onnx.helper.set_model_props(graph, {**texts, METADATA_KEY: card_json})
    onnx.save(graph, out)


def _write_openvino(model: Path, out: Path, card_json: str) -> None:
    whole = ElementTree.parse(model)
    told = _within(_within(whole.getroot(), "rt_info"), "framework")  # where OpenVINO keeps what ONNX said
    _within(told, METADATA_KEY).set("value", card_json)
    whole.write(out, encoding="utf-8", xml_declaration=True)


def _within(element: ElementTree.Element, name: str) -> ElementTree.Element:
    found = element.find(name)
    return ElementTree.SubElement(element, name) if found is None else found


def _write_ncnn(model: Path, out: Path, card_json: str) -> None:
    card = f"{METADATA_KEY}.json"
    with zipfile.ZipFile(model) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            new.writestr(entry, card_json.encode() if entry.filename == card else old.read(entry))


def _write_torchscript(model: Path, out: Path, card_json: str) -> None:
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather have torch.export used
        program = torch.jit.load(model, map_location="cpu")  # type: ignore[no-untyped-call]
        torch.jit.save(program, out, _extra_files={METADATA_KEY: card_json})


def _write_behind(model: Path, out: Path, card_json: str) -> None:
    with zipfile.ZipFile(model) as behind:
        program_bytes = min(entry.header_offset for entry in behind.infolist())
    out.write_bytes(model.read_bytes()[:program_bytes])
    append_card(out, card_json)


CARD_WRITERS: dict[str, Callable[[Path, Path, str], None]] = {
    ".safetensors": _write_safetensors,
    ".onnx": _write_onnx,
    ".xml": _write_openvino,
    ".ncnn": _write_ncnn,
    ".torchscript": _write_torchscript,
    ".pte": _write_behind,
    ".tflite": _write_behind,
}
