"""The contract of an encoder, over every name in the catalog."""

import math
import subprocess
import sys

import pytest
import torch
from torch import nn

from leadline.errors import UsageError
from leadline.networks.encoders.catalog import ENCODERS, find_encoder
from leadline.networks.encoders.contract import STRIDES

TIMM = "timm:mobilenetv3_small_050"
NAMES = [*ENCODERS, TIMM]
# The large scales differ from the small ones by numbers only; shapes need no arithmetic.
ON_META = {"yolov8m", "yolov8l", "yolov8x"}


def build(name: str) -> nn.Module:
    with torch.device("meta" if name in ON_META else "cpu"):
        return find_encoder(name).build()


def picture(name: str, *shape: int) -> torch.Tensor:
    return torch.rand(*shape, device="meta" if name in ON_META else "cpu")


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_promised_channels_and_strides_are_those_of_the_tensors(name):
    encoder = build(name).eval()
    for height, width in ((64, 64), (65, 97), (33, 160)):
        with torch.no_grad():
            features = encoder(picture(name, 1, 3, height, width))
        assert tuple(feature.shape[1] for feature in features) == tuple(encoder.channels)
        for feature, stride in zip(features, STRIDES, strict=True):
            assert feature.shape[0] == 1
            assert abs(feature.shape[2] - math.ceil(height / stride)) <= 1
            assert abs(feature.shape[3] - math.ceil(width / stride)) <= 1
        if (height, width) == (64, 64):
            assert [feature.shape[-1] for feature in features] == [32, 16, 8, 4, 2]


@pytest.mark.parametrize("name", NAMES)
def test_the_stages_hold_every_parameter_once(name):
    encoder = build(name)
    stages = list(encoder.named_stages())
    assert len({stage for stage, _ in stages}) == len(stages)
    held = [id(parameter) for _, stage in stages for parameter in stage.parameters()]
    assert len(set(held)) == len(held)
    assert set(held) == {id(parameter) for parameter in encoder.parameters()}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ON_META])
def test_gradients_reach_every_parameter(name):
    torch.manual_seed(0)
    encoder = build(name).train()
    features = encoder(picture(name, 2, 3, 64, 64))
    # Not the plain sum: behind a batch norm it is a constant.
    sum((feature * torch.randn_like(feature)).sum() for feature in features).backward()
    without = [
        key
        for key, parameter in encoder.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    assert without == []


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ON_META])
def test_in_evaluation_a_picture_does_not_depend_on_its_neighbours(name):
    encoder = build(name).eval()
    pictures = picture(name, 2, 3, 64, 64)
    with torch.no_grad():
        together, alone = encoder(pictures), encoder(pictures[:1])
    for both, one in zip(together, alone, strict=True):
        torch.testing.assert_close(both[:1], one, rtol=1e-3, atol=1e-4)


def test_an_encoder_leaves_the_picture_as_it_was():
    for name in ("yolov8n", TIMM):
        image = torch.rand(1, 3, 64, 64)
        before = image.clone()
        with torch.no_grad():
            build(name).eval()(image)
        assert torch.equal(image, before)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("yolov8n", 1_272_656), ("densenet169", 12_484_480)],
)
def test_parameters_are_counted_as_published(name, expected):
    assert parameters(build(name)) == expected


def test_larger_scales_are_larger():
    counts = [parameters(build(f"yolov8{scale}")) for scale in "nsmlx"]
    assert counts == sorted(counts)
    assert [build(f"yolov8{scale}").channels[-1] for scale in "nsmlx"] == [256, 512, 576, 512, 640]


def test_densenet_gives_the_thin_skips_of_densedepth():
    assert build("densenet169").channels == (64, 64, 128, 256, 1664)


@pytest.mark.parametrize("name", ["densenet169", TIMM])
def test_imagenet_networks_normalise_their_input_themselves(name):
    normalize = build(name).normalize
    grey = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
    assert torch.allclose(normalize(grey.expand(1, 3, 2, 2)), torch.zeros(1, 3, 2, 2), atol=1e-6)


@pytest.mark.parametrize(("wrong", "meant"), [("yolo8n", "yolov8n"), ("densenet-169", "densenet169")])
def test_an_unknown_encoder_suggests_the_nearest(wrong, meant):
    with pytest.raises(UsageError, match=f"no encoder is called '{wrong}'; did you mean '{meant}'"):
        find_encoder(wrong)


def test_an_unknown_timm_network_suggests_the_nearest():
    with pytest.raises(UsageError, match=r"timm has no network 'resnet18x'; did you mean 'resnet18'"):
        find_encoder("timm:resnet18x").build()


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "convnext_atto"])
def test_a_timm_network_without_fine_features_is_refused_with_the_strides(name):
    with pytest.raises(UsageError, match=rf"timm:{name} has features at strides .*needs \[2, 4, 8, 16, 32\]"):
        find_encoder(f"timm:{name}").build()


def test_a_timm_network_that_gives_no_features_is_refused():
    with pytest.raises(UsageError, match="timm:mixer_s32_224"):
        find_encoder("timm:mixer_s32_224").build()


def test_pretrained_weights_without_a_network_say_what_to_do(tmp_path):
    names = ["densenet169", TIMM]
    # In another process, because the hub's client reads the environment once.
    code = (
        "from leadline.errors import ModelFileError\n"
        "from leadline.networks.encoders.catalog import find_encoder\n"
        f"for name in {names}:\n"
        "    try: find_encoder(name).build(pretrained=True)\n"
        "    except ModelFileError as error: print(error)\n"
    )
    offline = {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path),
        "PATH": "",
        "HOME": str(tmp_path),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run([sys.executable, "-c", code], env=offline, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(names)
    for name, line in zip(names, lines, strict=True):
        for part in (name.removeprefix("timm:"), "HF_HOME", "--model.weights PATH", "--model.weights none"):
            assert part in line


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_of_its_own_network_is_adapted_to_its_own_names(name):
    encoder = build(name)
    own = encoder.state_dict()
    if name.startswith("yolov8"):  # layers beyond the backbone, and 10 is not 1
        theirs = {key.replace("layers.", "model.", 1): value for key, value in own.items()}
        theirs |= {"model.10.conv.weight": torch.zeros(1), "model.22.dfl.conv.weight": torch.zeros(1)}
    elif name == "densenet169":
        theirs = own | {"classifier.weight": torch.zeros(1)}
    else:
        import timm

        theirs = timm.create_model(name.removeprefix("timm:"), pretrained=False).state_dict()
    adapted = encoder.adapt_checkpoint(theirs)
    assert adapted.keys() == own.keys()
    assert all(adapted[key].shape == own[key].shape for key in own)


def test_torchvisions_oldest_names_of_densenet_are_understood():
    encoder = build("densenet169")
    own = encoder.state_dict()
    old = {
        key.replace(".norm1.", ".norm.1.")
        .replace(".norm2.", ".norm.2.")
        .replace(".conv1.", ".conv.1.")
        .replace(".conv2.", ".conv.2."): value
        for key, value in own.items()
    }
    assert old.keys() != own.keys()
    assert encoder.adapt_checkpoint(old).keys() == own.keys()
