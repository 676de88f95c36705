"""The models in the box: files that ship with leadline, by name. A better one replaces `nano.onnx` and its card."""

from __future__ import annotations

from pathlib import Path

from leadline.errors import ModelFileError, did_you_mean

DEFAULT_MODEL = "nano"
_FOLDER = Path(__file__).parent


def box_models() -> dict[str, Path]:
    """The files of the models that ship with leadline, by name."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.onnx"))}


def find_model(model: Path | str | None = None) -> Path:
    """The file of a model: by the name it has in the box, or by its path; that of the default model when None.

    Raises:
        ModelFileError: no model is called so. A path with a suffix or a folder is taken as it is, whether it exists.
    """
    models = box_models()
    name = DEFAULT_MODEL if model is None else str(model)
    if name in models:
        return models[name]
    if model is not None and (Path(name).exists() or Path(name).suffix or len(Path(name).parts) > 1):
        return Path(name)
    if not models:
        raise ModelFileError("this copy of leadline came without the model in the box; give a file with --model")
    raise ModelFileError(f"no model in the box is called {name!r}; {did_you_mean(name, models)} (or give a file)")
