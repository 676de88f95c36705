"""A depth model of the Hugging Face hub as a teacher, through transformers' depth-estimation pipeline."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from leadline.errors import ModelFileError, UsageError
from leadline.labelling.teacher import Answer, Kind, Teacher, file_sha256


def huggingface_teacher(name: str) -> Teacher:
    """A model by its name on the hub, or by the folder that it was saved to. Weights are read from safetensors only.

    Raises:
        UsageError: transformers is missing, or a kind of model of which nobody said what its numbers mean.
        ModelFileError: no such model, or one that cannot be loaded.
    """
    try:
        import torch
        import transformers
        from transformers.utils import cached_file
    except ModuleNotFoundError as error:
        raise UsageError(f"hf:{name} needs transformers and torch: pip install 'leadline[label,train]'") from error
    try:
        weights = cached_file(name, "model.safetensors")
        pipeline = transformers.pipeline(
            "depth-estimation",
            model=name,
            device="cuda" if torch.cuda.is_available() else "cpu",
            model_kwargs={"use_safetensors": True},
        )
        about = cached_file(name, "README.md", _raise_exceptions_for_missing_entries=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelFileError(f"hf:{name}: cannot be loaded ({str(error).splitlines()[0]})") from error
    kind = _kind(pipeline.model.config, name)
    return Teacher(name, file_sha256(Path(weights)), _licence(about), kind, _answer(pipeline, kind))


def _answer(pipeline: Any, kind: Kind) -> Answer:
    # A pipeline keeps state between its steps. torch's own threads, or the GPU, are busy with one photograph while
    # other threads read and write.
    one_at_a_time = threading.Lock()

    def answer(pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        with one_at_a_time, np.errstate(invalid="ignore"):  # its picture of a constant map divides by 0
            said = pipeline([Image.fromarray(picture) for picture in pictures])
        maps = [one["predicted_depth"].float().cpu().numpy() for one in said]
        return [np.where(depth > 0, depth, np.float32(np.nan)) if kind == "metric" else depth for depth in maps]

    return answer


def _kind(config: Any, name: str) -> Kind:
    said = getattr(config, "depth_estimation_type", None) or _KINDS.get(config.model_type)
    if said is None:
        raise UsageError(
            f"hf:{name}: whether a model of the type {config.model_type} says metres or inverse depth is not known "
            f"here; known are depth_anything, {', '.join(_KINDS)}"
        )
    return "metric" if said == "metric" else "relative"


def _licence(about: str | None) -> str:
    """From the head of the model's README."""
    text = "" if about is None else Path(about).read_text(encoding="utf-8")
    parts = text.split("---\n", 2)
    head = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else None
    return str(head.get("license", "not stated")) if isinstance(head, dict) else "not stated"


_KINDS: dict[str, Kind] = {"depth_pro": "metric", "dpt": "relative", "glpn": "metric", "zoedepth": "metric"}
"""Of models whose configuration does not say it."""
