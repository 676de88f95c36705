"""`leadline info`: what a model is. Of exported files the card, without torch; of networks every stage."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from leadline.box import box_models, find_model
from leadline.inference.predictor import load
from leadline.inference.runtimes.catalog import MODEL_SUFFIXES
from leadline.options import InfoOptions


def info_command(options: InfoOptions) -> None:
    """Print what a model says about itself, as text or as JSON."""
    suffix = Path(options.model).suffix.lower()
    if options.model in box_models() or suffix in set(MODEL_SUFFIXES) - {".safetensors"}:
        _show_exported(find_model(options.model), as_json=options.json)
    else:
        from leadline.networks.info import show_network

        show_network(options)


def _show_exported(path: Path, *, as_json: bool) -> None:
    card = load(path, device="cpu").card
    megabytes = path.stat().st_size / 1e6
    if as_json:
        print(json.dumps({"file": str(path), "megabytes": round(megabytes, 3), **asdict(card)}, indent=1))
    else:
        print(f"{path}  {megabytes:.1f} MB\n{card.describe()}")
