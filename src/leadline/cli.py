"""The command line: verb -> options -> function. A function is imported only when its verb is called."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import tyro
from rich.console import Console
from rich.markup import escape

from leadline import __version__, options
from leadline.errors import LeadlineError, OutputError, UsageError, did_you_mean


@dataclass(frozen=True)
class Verb:
    """A word of the command line: its options, and where its function is ("module:function")."""

    options: type
    function: str


VERBS = {
    "train": Verb(options.TrainOptions, "leadline.training.train:train"),
    "sweep": Verb(options.SweepOptions, "leadline.studies.sweep:sweep_command"),
    "evaluate": Verb(options.EvaluateOptions, "leadline.evaluation.report:evaluate_command"),
    "predict": Verb(options.PredictOptions, "leadline.inference.predict:predict_command"),
    "calibrate": Verb(options.CalibrateOptions, "leadline.calibration.calibrate:calibrate_command"),
    "doubt": Verb(options.DoubtOptions, "leadline.training.doubt:doubt_command"),
    "average": Verb(options.AverageOptions, "leadline.training.soup:average_command"),
    "export": Verb(options.ExportOptions, "leadline.export.export:export_command"),
    "benchmark": Verb(options.BenchmarkOptions, "leadline.benchmark.models:benchmark_command"),
    "report": Verb(options.ReportOptions, "leadline.report.report:report_command"),
    "reproduce": Verb(options.ReproduceOptions, "leadline.reproduction.reproduce:reproduce_command"),
    "info": Verb(options.InfoOptions, "leadline.inference.info:info_command"),
    "data check": Verb(options.CheckOptions, "leadline.doctor.check:check_command"),
    "data prepare": Verb(options.PrepareOptions, "leadline.data.frames:prepare_command"),
    "data label": Verb(options.LabelOptions, "leadline.labelling.label:label_command"),
    "data synth": Verb(options.SynthOptions, "leadline.synthesis.synthesize:synth_command"),
    "data download": Verb(options.DownloadOptions, "leadline.data.download_sets:download_command"),
}

EXIT_CODES = """exit codes: 0 done, 1 the data check found errors, 2 wrong options or recipe, 3 unusable images or data,
4 unusable model or weights, 5 download failed, 6 cannot write, 7 training diverged, 8 some inputs were skipped,
75 stopped and saved (resume it)"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (and ends the process by it, as a console script)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    console = Console(stderr=True)
    try:
        if not words or words[0] in ("-h", "--help"):
            print(_help(), flush=True)
        elif words[0] == "--version":
            print(f"leadline {__version__}", flush=True)
        else:
            _call(*_verb(words))
    except LeadlineError as error:
        return _told(console, error, error.exit_code)
    except KeyboardInterrupt:
        console.print("leadline: interrupted")
        return 130
    except BrokenPipeError:  # `leadline info ... | head` is no failure
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # a disk or a network share that fails half way
        return _told(console, error, OutputError.exit_code)
    return 0


def _told(console: Console, error: Exception, exit_code: int) -> int:
    console.print(f"[bold red]leadline:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
    return exit_code


def _verb(words: list[str]) -> tuple[str, list[str]]:
    """The verb, which may be of two words, and the rest."""
    for length in (2, 1):
        word = " ".join(words[:length])
        if word in VERBS:
            return word, words[length:]
    verbs_of_this = [verb for verb in VERBS if verb.startswith(f"{words[0]} ")]
    if verbs_of_this and len(words) > 1 and not words[1].startswith("-"):
        raise UsageError(f"no verb is called {' '.join(words[:2])!r}; {did_you_mean(words[1], verbs_of_this)}")
    if verbs_of_this:
        raise UsageError(f"{words[0]} what? There is {', '.join(verbs_of_this)}")
    raise UsageError(f"no verb is called {words[0]!r}; {did_you_mean(words[0], VERBS)}")


def _call(word: str, rest: list[str]) -> None:
    verb = VERBS[word]
    from_recipe = {"train": _train_options, "sweep": _sweep_options}
    parsed = from_recipe[word](rest) if word in from_recipe else _parsed(verb.options, word, rest)
    module, name = verb.function.split(":")
    try:
        function: Callable[[Any], object] = getattr(import_module(module), name)
        function(parsed)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("leadline"):
            raise
        raise UsageError(_missing_package(word, error.name or str(error))) from error


def _train_options(rest: list[str]) -> options.TrainOptions:
    """`train` starts from a recipe: named first, or that of the run to resume."""
    from leadline.recipes import read_recipe, recipe_names

    if any(word in ("-h", "--help") for word in rest):
        print(f"usage: leadline train RECIPE [options]   shipped recipes: {', '.join(recipe_names())}\n")
    recipe = options.Recipe()
    if rest and not rest[0].startswith("-"):
        recipe, rest = read_recipe(rest[0]), rest[1:]
    elif not any(word.startswith("--resume") or word in ("-h", "--help") for word in rest):
        raise UsageError(f"train needs a recipe: a file, or one of {', '.join(recipe_names())}; or --resume DIR")
    default = options.TrainOptions(data=recipe.data, model=recipe.model, optim=recipe.optim, run=recipe.run)
    parsed: options.TrainOptions = _parsed(options.TrainOptions, "train", rest, default=default)
    return parsed


def _sweep_options(rest: list[str]) -> options.SweepOptions:
    """`sweep` starts from the recipe of a study, which is named first."""
    from leadline.studies.study import base_recipe, read_study, study_names

    recipe, name = options.Recipe(), ""
    if rest and not rest[0].startswith("-"):
        name, rest = rest[0], rest[1:]
        recipe = base_recipe(read_study(name))
    elif any(word in ("-h", "--help") for word in rest):
        print(f"usage: leadline sweep STUDY [options]   shipped studies: {', '.join(study_names())}\n")
    else:
        raise UsageError(f"sweep needs a study: a file, or one of {', '.join(study_names())}")
    default = options.SweepOptions(study=name, data=recipe.data, model=recipe.model, optim=recipe.optim, run=recipe.run)
    parsed: options.SweepOptions = _parsed(options.SweepOptions, "sweep", rest, default=default)
    return parsed


def _parsed(kind: type, word: str, rest: list[str], **default: Any) -> Any:
    return tyro.cli(kind, args=rest, prog=f"leadline {word}", description=kind.__doc__, **default)


def _help() -> str:
    lines = [f"  {word:<14}{(verb.options.__doc__ or '').splitlines()[0]}" for word, verb in VERBS.items()]
    return "\n".join(
        [
            "leadline: metric depth from a single photograph",
            "",
            "usage: leadline VERB [options]     (VERB --help says more)",
            "",
            *lines,
            "",
            EXIT_CODES,
        ]
    )


def _missing_package(word: str, package: str) -> str:
    extra = next((extra for start, extra in _EXTRAS.items() if package.startswith(start)), "train")
    return f"{word} needs the package {package}: pip install 'leadline[{extra}]'"


_EXTRAS = {"onnx": "export", "embreex": "synth"}
"""The extra that brings a package, by how its name begins; the others come with train."""


def run() -> None:
    """The console script."""
    sys.exit(main())
