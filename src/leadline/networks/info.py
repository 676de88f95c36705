"""A network on the screen: the paper's Table 2, from the live one."""

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from leadline.model_card import ModelCard
from leadline.networks.depth_net import DepthNet
from leadline.networks.model_file import load_model
from leadline.networks.summary import Summary, summarize
from leadline.options import InfoOptions, read_size


def show_network(options: InfoOptions) -> None:
    """Print a network stage by stage, and the card of its file, as a table or as JSON."""
    height, width = read_size(options.input)
    card = None
    if Path(options.model).suffix == ".safetensors" or Path(options.model).is_file():
        net, card = load_model(Path(options.model))
    else:
        net = DepthNet(options.model)
    summary = summarize(net, height=height, width=width)
    if options.json:
        print(json.dumps(summary.as_json(), indent=1))
    else:
        _print_table(summary, options, card)


def _print_table(summary: Summary, options: InfoOptions, card: ModelCard | None) -> None:
    table = Table(title=f"{options.model} for a picture of 3x{options.input}")
    for column in ("stage", "output", "parameters"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for stage in summary.stages:
        table.add_row(stage.name, "x".join(map(str, stage.shape)), f"{stage.parameters:,}")
    console = Console()
    console.print(table)
    whole = summary.as_json()
    console.print(
        f"encoder {summary.encoder_parameters:,} + decoder {summary.decoder_parameters:,} = {summary.parameters:,} "
        f"parameters; {summary.macs / 1e9:.2f} GMACs; {whole['bytes_fp32'] / 1e6:.1f} MB in fp32, "
        f"{whole['bytes_fp16'] / 1e6:.1f} MB in fp16",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    if card is not None:
        console.print(card.describe(), highlight=False, markup=False, soft_wrap=True)
