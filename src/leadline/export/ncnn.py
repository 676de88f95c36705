"""ncnn, for phones and small boards: a zip of `model.param`, `model.bin` and the model's card.

ncnn's own files have no room for a card, and are soon apart from one beside them. `unzip` gives what ncnn's C++ loads.
"""

import subprocess
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from leadline.errors import ModelFileError
from leadline.export.contract import Metres
from leadline.export.torchscript import save_trace
from leadline.model_card import METADATA_KEY, ModelCard
from leadline.networks.depth_net import DepthNet


def write_ncnn(net: DepthNet, card: ModelCard, path: Path, *, half: bool, dynamic: bool) -> None:
    """Write `.ncnn`, for one picture of the card's size at a time, with ncnn's converter pnnx."""
    del dynamic
    import pnnx

    example = torch.zeros(1, 3, card.height, card.width)
    with TemporaryDirectory() as folder:
        traced = Path(folder) / "model.pt"
        save_trace(Metres(net, card.correction), example, traced, texts={})
        size = f"inputshape=[{','.join(map(str, example.shape))}]"
        done = subprocess.run(
            [pnnx.EXEC_PATH, traced.name, size, f"fp16={int(half)}"], cwd=folder, capture_output=True, text=True
        )
        files = {"model.param": traced.with_name("model.ncnn.param"), "model.bin": traced.with_name("model.ncnn.bin")}
        if done.returncode or not all(file.is_file() for file in files.values()):
            raise ModelFileError(f"{path}: pnnx could not convert the network: {done.stderr.strip()[-300:]}")
        with zipfile.ZipFile(path, "w") as whole:
            for name, file in files.items():
                whole.write(file, name)
            whole.writestr(f"{METADATA_KEY}.json", card.to_json())
