"""Recipes are read strictly, and written so that they come back."""

from pathlib import Path

import pytest

from leadline.errors import RecipeError
from leadline.options import DataOptions, ModelOptions, MoreSource, OptimOptions, Recipe, RunOptions
from leadline.recipes import parse_recipe, read_recipe, recipe_names, without_folders, write_recipe

PAPER_LOSS = {"l1": 0.1, "gradient": 1.0, "ssim": 1.0}


@pytest.mark.parametrize("name", recipe_names())
def test_a_shipped_recipe_comes_back_from_its_file(name, tmp_path):
    recipe = read_recipe(name)
    write_recipe(tmp_path / "copy.yaml", recipe)
    assert read_recipe(str(tmp_path / "copy.yaml")) == recipe


def test_a_recipe_without_defaults_comes_back(tmp_path):
    recipe = Recipe(
        DataOptions(
            root=Path("frames"),
            more=(MoreSource(Path("labelled"), share=0.5, weight=0.25), MoreSource(Path("b"), 0.1, depth_unit_m=1e-3)),
            depth_unit_m=1e-3,
            validation_file=Path("v.txt"),
            limit=3,
            skip_bad_frames=True,
        ),
        ModelOptions(encoder="timm:resnet18", weights="none", codec="log", min_depth_m=0.5, max_depth_m=80.0),
        OptimOptions(optimizer="adamw", learning_rate=3e-5, clip_norm=1.0, loss={"silog": 1e-5}),
        RunOptions(seed=5, device="cpu", compile=True, save_every_s=0.0),
    )
    write_recipe(tmp_path / "copy.yml", recipe)
    assert read_recipe(str(tmp_path / "copy.yml")) == recipe


def test_a_recipe_that_is_given_away_says_nothing_of_the_folders_of_the_machine():
    more = (MoreSource(Path("../ada/labels"), share=0.5),)
    data = DataOptions(root=Path("/home/ada/frames"), more=more, validation_file=Path("/home/ada/v.txt"))
    told = without_folders(Recipe(data, ModelOptions(weights="/home/ada/w.pt"), OptimOptions(), RunOptions()))
    assert "ada/" not in str(told)
    assert (told["data"]["root"], told["data"]["validation_file"]) == ("frames", "v.txt")
    assert (told["data"]["more"][0]["root"], told["model"]["weights"]) == ("labels", "w.pt")
    assert without_folders(read_recipe("paper-yolov8n"))["model"]["weights"] == "default"


@pytest.mark.parametrize(("name", "batch_size"), [("paper-yolov8n", 32), ("paper-densenet169", 8)])
def test_the_papers_recipes_hold_the_papers_settings(name, batch_size):
    recipe = read_recipe(name)
    assert recipe.model.encoder == name.removeprefix("paper-")
    assert (recipe.data.height, recipe.data.width) == (240, 320)
    assert (recipe.data.split_by, recipe.data.validation_share) == ("frame", 0.1)
    assert (recipe.data.flip, recipe.data.channel_permutation) == (0.5, 0.25)
    assert (recipe.optim.optimizer, recipe.optim.learning_rate, recipe.optim.schedule) == ("adam", 1e-4, "constant")
    assert (recipe.optim.batch_size, recipe.optim.epochs) == (batch_size, 200)
    assert (recipe.optim.weight_decay, recipe.optim.warmup_steps, recipe.optim.clip_norm) == (0.0, 0, None)
    assert recipe.optim.loss == PAPER_LOSS
    assert recipe.model.weights == "default"


@pytest.mark.parametrize("name", ["overfit-yolov8n", "overfit-densenet169"])
def test_the_papers_overfitting_is_eight_pictures_for_6000_epochs(name):
    recipe = read_recipe(name)
    assert recipe.model.encoder == name.removeprefix("overfit-")
    assert (recipe.data.split_by, recipe.data.limit) == ("same", 8)
    assert (recipe.data.flip, recipe.data.channel_permutation) == (0.0, 0.0)
    assert (recipe.optim.optimizer, recipe.optim.learning_rate, recipe.optim.epochs) == ("adam", 1e-4, 6000)
    assert recipe.optim.loss == PAPER_LOSS


def test_the_defaults_are_the_papers():
    assert (Recipe().optim, Recipe().model) == (read_recipe("paper-yolov8n").optim, read_recipe("paper-yolov8n").model)


def test_an_empty_recipe_is_the_defaults():
    assert parse_recipe("# nothing yet\n", name="mine.yaml") == Recipe()


@pytest.mark.parametrize("text", ["1e-4", "0.0001", "'1e-4'", "1.0e-4"])
def test_a_number_may_be_written_as_people_do(text):
    assert parse_recipe(f"optim: {{learning_rate: {text}}}", name="mine.yaml").optim.learning_rate == 1e-4


def test_the_range_of_depth_is_judged_as_a_whole():
    model = parse_recipe("model: {min_depth_m: 20, max_depth_m: 80}", name="mine.yaml").model
    assert (model.min_depth_m, model.max_depth_m) == (20.0, 80.0)
    model = parse_recipe("model: {max_depth_m: 0.08, min_depth_m: 0.01}", name="mine.yaml").model
    assert model.max_depth_m == 0.08


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("optim:\n  epochs: 3\n  learning_rte: 1", ("line 3", "optim.learning_rte", "did you mean 'learning_rate'?")),
        ("optm: {}", ("line 1", "optm", "did you mean 'optim'?")),
        ("data:\n  flip: often", ("line 2", "data.flip", "a number", "'often'")),
        ("optim: {epochs: 1.5}", ("optim.epochs", "a whole number", "1.5")),
        ("optim: {epochs: true}", ("optim.epochs", "a whole number", "True")),
        ("optim: {learning_rate: true}", ("optim.learning_rate", "a number")),
        ("data: {skip_bad_frames: 1}", ("data.skip_bad_frames", "true or false")),
        ("model: {encoder: 8}", ("model.encoder", "text")),
        ("data: {root: 8}", ("data.root", "a path")),
        ("model:\n\n  codec: cubic", ("line 3", "model.codec", "linear, reciprocal, log", "'cubic'")),
        ("optim:\n  epochs: 0", ("line 2", "optim.epochs", "at least 1", "0")),
        ("data:\n  height: 240\n  flip: 1.5", ("line 3", "data.flip", "a probability", "1.5")),
        ("model: {min_depth_m: 3, max_depth_m: 2}", ("line 1", "model.min_depth_m", "below max")),
        ("model: {max_depth_m: .inf}", ("line 1", "model.max_depth_m", "finite")),
        ("optim: {loss: 3}", ("optim.loss", "a mapping of names to numbers")),
        ("optim: {loss: {l1: much}}", ("optim.loss", "a number", "'much'")),
        ("optim: {loss: {l1: -1}}", ("optim.loss", "at least 0")),
        ("optim: {loss: {}}", ("optim.loss", "at least one term")),
        ("optim: {clip_norm: null, weight_decay: null}", ("optim.weight_decay", "a number")),
        ("run:\n  seed: 1\n  seed: 2", ("line 3", "run.seed", "twice")),
        ("data: {}\ndata: {}", ("line 2", "data", "twice")),
        ("data: [1, 2]", ("line 1", "data must be a mapping")),
        ("- 1", ("line 1", "a recipe must be a mapping")),
        ("data: {flip: [", ("not YAML",)),
        ("data:\n  more:\n  - {root: a}", ("line 3", "share of data.more must be given")),
        ("data:\n  more:\n  - root: a\n    share: 2", ("line 4", "data.more.share", "between 0 and 1")),
        ("data:\n  more:\n  - {root: a, shore: 2}", ("line 3", "data.more.shore", "did you mean 'share'")),
        ("data: {more: a}", ("line 1", "data.more must be a list of mappings")),
        ("data: {more: [{root: a, share: 0.01}]}", ("line 1", "data.more", "a frame of a batch of 32")),
        ("data: {more: [{root: a, share: 0.6}, {root: b, share: 0.4}]}", ("line 1", "data.more", "below 1 together")),
        ("data: {flip: .nan}", ("data.flip", "a probability")),
        ("optim: {learning_rate: .nan}", ("optim.learning_rate", "positive")),
        ("optim: {learning_rate: .inf}", ("optim.learning_rate",)),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, parts):
    with pytest.raises(RecipeError) as wrong:
        parse_recipe(text, name="mine.yaml")
    assert str(wrong.value).startswith("mine.yaml")
    for part in parts:
        assert part in str(wrong.value)


def test_python_objects_are_not_made():
    with pytest.raises(RecipeError):
        parse_recipe("data: {root: !!python/object/apply:os.system [true]}", name="mine.yaml")


def test_a_recipe_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "mine.yaml").write_bytes(b"\xff\xfe\x00data")
    with pytest.raises(RecipeError, match=r"mine\.yaml"):
        read_recipe(str(tmp_path / "mine.yaml"))
