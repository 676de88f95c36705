import hashlib

import numpy as np
import pytest

from leadline.errors import ModelFileError, UsageError
from leadline.labelling.confidence import ask
from leadline.labelling.open_teacher import open_teacher

pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
IMAGE = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """GLPN, a model of metres, with random weights."""
    config = transformers.GLPNConfig(
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 8, 16, 16],
        num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=8,
    )
    path = tmp_path_factory.mktemp("glpn")
    transformers.GLPNForDepthEstimation(config).save_pretrained(path)
    transformers.GLPNImageProcessor().save_pretrained(path)
    (path / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A model card\n")
    return path


def test_a_model_of_the_hub_is_a_teacher_with_its_licence(folder):
    teacher = open_teacher(f"hf:{folder}")
    assert (teacher.kind, teacher.licence) == ("metric", "apache-2.0")
    assert teacher.sha256 == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    label = ask([teacher], IMAGE)
    assert label.values.shape == (64, 96)
    assert (label.values > 0).all()


def test_the_configuration_says_whether_it_knows_metres(tmp_path):
    backbone = transformers.Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=56,
        patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        reshape_hidden_states=False,
    )
    for kind in ("relative", "metric"):
        config = transformers.DepthAnythingConfig(
            backbone_config=backbone,
            reassemble_hidden_size=16,
            neck_hidden_sizes=[8, 8, 16, 16],
            fusion_hidden_size=8,
            head_hidden_size=8,
            depth_estimation_type=kind,
        )
        transformers.DepthAnythingForDepthEstimation(config).save_pretrained(tmp_path / kind)
        transformers.DPTImageProcessor(size={"height": 56, "width": 56}).save_pretrained(tmp_path / kind)
        teacher = open_teacher(f"hf:{tmp_path / kind}")
        assert (teacher.kind, teacher.licence) == (kind, "not stated")
        assert teacher.answer([IMAGE])[0].shape == (64, 96)


def test_weights_that_could_run_code_are_not_loaded(folder, tmp_path):
    import shutil

    shutil.copytree(folder, tmp_path / "pickled")
    (tmp_path / "pickled/model.safetensors").rename(tmp_path / "pickled/pytorch_model.bin")
    with pytest.raises(ModelFileError, match="cannot be loaded"):
        open_teacher(f"hf:{tmp_path / 'pickled'}")


def test_a_model_that_estimates_no_depth_is_refused(tmp_path):
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8], depths=[1])
    transformers.ResNetForImageClassification(config).save_pretrained(tmp_path)
    with pytest.raises((ModelFileError, UsageError), match="cannot be loaded"):
        open_teacher(f"hf:{tmp_path}")
