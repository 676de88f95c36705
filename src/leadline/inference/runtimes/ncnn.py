"""ncnn: for phones and small boards, here on the CPU."""

from __future__ import annotations

import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from leadline.errors import ModelFileError, UsageError
from leadline.inference.runtimes.contract import Opened, one_by_one
from leadline.model_card import METADATA_KEY

FILES = ("model.param", "model.bin")


def open_ncnn(path: Path, *, device: str, threads: int | None) -> Opened:
    """A `.ncnn` file (a zip of ncnn's own two files and the card), in float32 throughout."""
    import ncnn

    if device == "cuda":
        raise UsageError("device cuda: ncnn runs on the CPU here; use --backend onnxruntime for CUDA")
    net = ncnn.Net()
    # float32 is said, because ncnn would compute in float16 where the processor can: other metres on other machines.
    for name in ("use_fp16_arithmetic", "use_fp16_storage", "use_fp16_packed", "use_bf16_storage"):
        setattr(net.opt, name, False)
    if threads is not None:
        net.opt.num_threads = threads
    try:
        with zipfile.ZipFile(path) as whole, TemporaryDirectory() as folder:
            param, weights = (whole.extract(name, folder) for name in FILES)
            if net.load_param(param) or net.load_model(weights):
                raise ModelFileError(f"{path}: holds a graph and weights that ncnn cannot load")
            card = whole.read(f"{METADATA_KEY}.json").decode("utf-8", "replace")
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise ModelFileError(f"{path}: truncated, or not a .ncnn file of leadline export ({error})") from error

    def network(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat(pictures[0]).clone())
        failed, metres = extractor.extract("out0")
        if failed:
            raise ModelFileError(f"{path}: ncnn could not run it (code {failed})")
        return np.array(metres, np.float32)[None]

    return Opened(one_by_one(network), {METADATA_KEY: card})
