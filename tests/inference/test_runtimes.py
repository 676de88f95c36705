"""Every runtime keeps the contract: the same metres, the same card, errors for people."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from leadline.errors import ModelFileError, UsageError
from leadline.export.catalog import FORMATS
from leadline.export.export import export
from leadline.inference.predictor import load
from leadline.inference.runtimes.catalog import RUNTIMES, open_model
from leadline.inference.runtimes.contract import one_by_one
from leadline.model_card import METADATA_KEY, ModelCard
from leadline.networks.depth_net import DepthNet
from leadline.networks.model_file import save_model
from leadline.options import ExportOptions

CARD = ModelCard(
    encoder="yolov8n", codec="linear", min_depth_m=0.1, max_depth_m=10.0, height=64, width=96, fit="letterbox"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """One model in the file of each kind."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    net = DepthNet("yolov8n")
    net.head.start_at(3.0)
    torch.nn.init.normal_(net.head.conv.weight, std=3.0)
    save_model(folder / "model.safetensors", net, CARD)
    for name in FORMATS:
        with suppress(UsageError):  # a runtime whose package is missing is tested by no file
            export(ExportOptions(folder / "model.safetensors", format=name))
    return folder


PACKAGES = {"torchscript": "torch", "litert": "ai_edge_litert"}
"""The package of a runtime where it is not called like the runtime."""
KINDS = [
    (name, suffix)
    for name, runtime in RUNTIMES.items()
    for suffix in runtime.suffixes
    if find_spec("litert_torch" if name == "litert" else PACKAGES.get(name, name))
    is not None  # of the others the missing package is tested, for each
]
every_kind = pytest.mark.parametrize(("backend", "suffix"), KINDS)
pictures = np.random.default_rng(0).random((3, 3, 64, 96), np.float32)


@every_kind
def test_every_runtime_gives_the_metres_of_torch_and_the_card(folder, backend, suffix):
    expected = open_model(folder / "model.safetensors", device="cpu").network(pictures)
    predictor = load(folder / f"model{suffix}", device="cpu", backend=backend, threads=1)
    metres = predictor.network(pictures)
    assert metres.shape == (3, 1, 32, 48)
    assert metres.dtype == np.float32
    assert np.abs(metres - expected).max() < 1e-3
    assert expected.std() > 0.05  # the model has something to say
    assert predictor.card == CARD


@every_kind
def test_threads_do_not_disturb_one_another(folder, backend, suffix):
    network = open_model(folder / f"model{suffix}", device="cpu", backend=backend, threads=1).network
    alone = [network(pictures[index : index + 1]) for index in range(3)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda turn: network(pictures[turn % 3 : turn % 3 + 1]), range(48)))
    for turn, metres in enumerate(together):
        np.testing.assert_allclose(metres, alone[turn % 3], atol=1e-5)


@every_kind
@pytest.mark.parametrize("content", [b"", b"no model", bytes(range(256)) * 64], ids=["empty", "text", "noise"])
def test_a_file_of_another_kind_is_named(tmp_path, backend, suffix, content):
    path = tmp_path / f"other{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=re.escape(str(path))):
        load(path, backend=backend)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_truncated_onnx_file_is_refused_by_openvino(folder, tmp_path, share):
    content = (folder / "model.onnx").read_bytes()
    (tmp_path / "short.onnx").write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelFileError, match=r"short\.onnx: truncated, or not a model that OpenVINO can read"):
        load(tmp_path / "short.onnx", backend="openvino")


def test_an_openvino_file_without_its_weights_is_refused(folder, tmp_path):
    (tmp_path / "model.xml").write_bytes((folder / "model.xml").read_bytes())
    with pytest.raises(ModelFileError, match=r"model\.xml"):
        load(tmp_path / "model.xml")


def test_the_suffix_chooses_the_runtime(tmp_path):
    first = {suffix: next(name for name, other in KINDS if other == suffix) for _, suffix in KINDS}
    assert first[".onnx"] == "onnxruntime"
    assert first[".xml"] == "openvino"
    assert first[".safetensors"] == "torch"


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_missing_package_says_what_to_install(tmp_path, monkeypatch, name):
    package = PACKAGES.get(name, name)
    inner = (f"{package}.runtime", f"{package}.interpreter")
    for module in [package, *(loaded for loaded in sys.modules if loaded.startswith(inner))]:
        monkeypatch.setitem(sys.modules, module, None)
    path = tmp_path / f"model{RUNTIMES[name].suffixes[0]}"
    path.write_bytes(b"never read")
    with pytest.raises(
        UsageError, match=rf"needs the package {package}: pip install {re.escape(RUNTIMES[name].install)}"
    ):
        load(path, backend=name)


def test_a_backend_that_does_not_run_this_file_is_refused(folder):
    with pytest.raises(ModelFileError, match=r"openvino runs \.xml or \.onnx files; this one runs in torch"):
        load(folder / "model.safetensors", backend="openvino")


def test_an_unknown_backend_is_answered_with_the_nearest(folder):
    with pytest.raises(UsageError, match="no backend is called 'openvno'; did you mean 'openvino'"):
        load(folder / "model.onnx", backend="openvno")


def test_no_threads_are_refused(folder):
    with pytest.raises(UsageError, match="threads must be at least 1, got 0"):
        load(folder / "model.onnx", threads=0)


def test_a_signal_after_two_openvino_models_came_and_went_is_handled(folder):
    # Two cores would leave the thread with a stack for signals that was freed: a segmentation fault (exit code -11).
    program = (
        "import gc, pathlib, signal, sys; from leadline.inference.runtimes.catalog import open_model\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "models = [open_model(path, device='cpu', backend='openvino') for _ in range(2)]\n"
        "while models: models.pop(0); gc.collect()\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('handled'))\n"
        "signal.raise_signal(signal.SIGTERM)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, folder / "model.onnx"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr


def test_openvino_has_no_cuda(folder):
    with pytest.raises(UsageError, match="device cuda: OpenVINO runs on the CPU"):
        load(folder / "model.onnx", backend="openvino", device="cuda")


def test_every_runtime_is_given_the_same_tensor_to_the_last_bit(folder):
    photographs = [np.random.default_rng(side).integers(0, 256, (side, 130, 3), np.uint8) for side in (64, 90, 131)]
    given: dict[str, list[bytes]] = {}
    for backend, suffix in KINDS:
        predictor = load(folder / f"model{suffix}", device="cpu", backend=backend)
        network, seen = predictor.network, given.setdefault(f"{backend} {suffix}", [])

        def spy(tensor, network=network, seen=seen):
            seen.append(tensor.tobytes())
            return network(tensor)

        predictor.network = spy
        for picture in photographs:
            predictor.predict(picture)
    assert len(given) == len(KINDS)
    assert all(seen == given["torch .safetensors"] for seen in given.values())
    assert len(set(given["torch .safetensors"])) == 3


# --- The card beside the file ---


@pytest.fixture
def bare(folder, tmp_path) -> Path:
    """The model without its card."""
    graph = onnx.load(folder / "model.onnx")
    del graph.metadata_props[:]
    onnx.save(graph, tmp_path / "bare.onnx")
    return tmp_path / "bare.onnx"


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_file_without_a_card_takes_the_one_beside_it(bare, backend):
    bare.with_suffix(".json").write_text(CARD.to_json())
    assert load(bare, backend=backend).card == CARD


def test_a_damaged_card_beside_a_file_is_refused(bare):
    bare.with_suffix(".json").write_text('{"format": 1, "encoder"')
    with pytest.raises(ModelFileError, match=r"bare\.onnx: its leadline metadata are damaged"):
        load(bare)


def test_the_card_inside_goes_before_the_one_beside(folder, tmp_path):
    (tmp_path / "model.onnx").write_bytes((folder / "model.onnx").read_bytes())
    (tmp_path / "model.json").write_text("another file's")
    assert load(tmp_path / "model.onnx").card == CARD


def test_a_file_for_one_picture_takes_several(folder, tmp_path):
    graph = onnx.load(folder / "model.onnx")
    for end in (graph.graph.input[0], graph.graph.output[0]):
        end.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(graph, tmp_path / "single.onnx")
    expected = open_model(folder / "model.onnx").network(pictures)
    for backend in ("onnxruntime", "openvino"):
        metres = open_model(tmp_path / "single.onnx", backend=backend).network(pictures)
        assert np.abs(metres - expected).max() < 1e-3


def test_one_by_one_keeps_the_order():
    seen = []

    def network(picture):
        seen.append(len(picture))
        return picture[:, :1]

    assert np.array_equal(one_by_one(network)(pictures), pictures[:, :1])
    assert seen == [1, 1, 1]


@every_kind
def test_the_metadata_are_text_by_key(folder, backend, suffix):
    metadata = open_model(folder / f"model{suffix}", backend=backend).metadata
    assert isinstance(metadata[METADATA_KEY], str)
