"""One model from several that began at the same one."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from leadline.cli import main
from leadline.model_card import ModelCard
from leadline.networks.depth_net import DepthNet
from leadline.networks.model_file import load_model, save_model

CARD = ModelCard(
    "yolov8n",
    "log",
    min_depth_m=0.1,
    max_depth_m=10.0,
    height=64,
    width=96,
    fit="letterbox",
    data={"fingerprint": "f", "frames": 3},
    scores={"rel": 0.1},
)


def write_model(path: Path, *, seed: int, **card: object) -> Path:
    torch.manual_seed(seed)
    net = DepthNet("yolov8n", codec="log")
    net.train()(torch.rand(2, 3, 64, 96))  # so that the statistics differ, too
    save_model(path, net, replace(CARD, **card))
    return path


def test_the_mean_is_the_mean_of_all_weights_and_statistics(tmp_path, capsys):
    paths = [write_model(tmp_path / f"{seed}.safetensors", seed=seed) for seed in range(3)]
    out = tmp_path / "mean.safetensors"
    assert main(["average", *map(str, paths), "--out", str(out)]) == 0
    states = [load_model(path)[0].state_dict() for path in paths]
    net, card = load_model(out)
    for name, found in net.state_dict().items():
        if found.is_floating_point():
            torch.testing.assert_close(found, (states[0][name] + states[1][name] + states[2][name]) / 3)
        else:
            assert torch.equal(found, states[2][name])
    assert card.scores == {}
    assert card.data == {
        "fingerprint": "f",
        "frames": 3,
        "average_of": ["0.safetensors", "1.safetensors", "2.safetensors"],
    }
    assert "the mean of 3 models" in capsys.readouterr().out


@pytest.mark.parametrize(("height", "is_said"), [(64, False), (96, True)])
def test_models_of_two_input_sizes_are_averaged_with_a_word_about_the_scale(tmp_path, capsys, height, is_said):
    sizes = enumerate((64, height))
    paths = [write_model(tmp_path / f"{seed}.safetensors", seed=seed, height=size) for seed, size in sizes]
    assert main(["average", *map(str, paths), "--out", str(tmp_path / "mean.safetensors")]) == 0
    assert ("of 64x96 and 96x96: batch-norm statistics" in capsys.readouterr().out) == is_said


def test_the_mean_has_the_licences_of_all(tmp_path):
    paths = [
        write_model(tmp_path / "a.safetensors", seed=0, licence="AGPL-3.0"),
        write_model(tmp_path / "b.safetensors", seed=1, licence="Apache-2.0"),
    ]
    assert main(["average", *map(str, paths), "--out", str(tmp_path / "mean.safetensors")]) == 0
    assert load_model(tmp_path / "mean.safetensors")[1].licence == "AGPL-3.0; Apache-2.0"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"max_depth_m": 20.0}, "max_depth_m is 20.0, but 10.0"),
        ({"data": {"fingerprint": "g", "frames": 3}}, "taught with other frames"),
        ({"data": {"fingerprint": "f", "frames": 3, "split": {"by": "room", "seed": 1}}}, "another split"),
    ],
)
def test_models_that_do_not_belong_together_are_refused(tmp_path, capsys, other, said):
    paths = [
        write_model(tmp_path / "a.safetensors", seed=0, **other),
        write_model(tmp_path / "b.safetensors", seed=1),
    ]
    assert main(["average", *map(str, paths), "--out", str(tmp_path / "mean.safetensors")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "mean.safetensors").exists()


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ({"by": "room", "seed": 1, "scenes": ["a", "b"]}, {"by": "room", "seed": 2, "scenes": ["a", "b"]}),
        ({"by": "room", "seed": 1, "scenes": ["a"]}, {"by": "same", "seed": 1}),
    ],
)
def test_seeds_that_split_nothing_and_a_last_model_that_saw_everything_do_no_harm(tmp_path, first, last):
    paths = [
        write_model(tmp_path / f"{number}.safetensors", seed=number, data={**CARD.data, "split": split})
        for number, split in enumerate((first, last))
    ]
    assert main(["average", *map(str, paths), "--out", str(tmp_path / "mean.safetensors")]) == 0
    assert load_model(tmp_path / "mean.safetensors")[1].data["split"] == last


def test_one_model_has_no_mean(tmp_path, capsys):
    path = write_model(tmp_path / "a.safetensors", seed=0)
    assert main(["average", str(path), "--out", str(tmp_path / "mean.safetensors")]) == 2
    assert "at least two" in capsys.readouterr().err
