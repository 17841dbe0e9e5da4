"""The commands on trainings and saved models: their arguments, and how results are printed."""

from __future__ import annotations

import argparse
import importlib
import json
from typing import Any

COMMANDS = {
    "train": "training",
    "resume": "training",
    "tune": "training",
    "evaluate": "models",
    "predict": "models",
    "inspect": "models",
    "plot": "models",
    "bench": "models",
}


def add(commands: Any) -> None:
    """Add the parsers of the commands."""
    train = _command(commands, "train", "train what a recipe describes, or run a program", RECIPE)
    train.add_argument("target", help="recipe.toml or program.py")
    train.add_argument("arguments", nargs="*", help="arguments of the program")
    train.add_argument("--out", metavar="FOLDER", help="folder of the run (name of the recipe)")
    _of_training(train)
    resume = _command(commands, "resume", "continue an interrupted training of a recipe")
    resume.add_argument("run", help="folder of the run")
    _of_training(resume)
    tune = _command(commands, "tune", "search the hyperparameters of a recipe")
    tune.add_argument("recipe", help="recipe.toml with a section [space]")
    tune.add_argument("--out", metavar="FOLDER", help="folder of the search")
    evaluate = _command(commands, "evaluate", "loss and metrics of a model on data")
    evaluate.add_argument("model", help="file of the model")
    evaluate.add_argument("data", help="file.csv, or a recipe, whose test data are used")
    evaluate.add_argument("--target", metavar="COLUMN", help="column of the CSV file to predict")
    predict = _command(commands, "predict", "predictions of a model for files")
    predict.add_argument("model", help="file of the model")
    predict.add_argument("files", nargs="+", help="images, .csv (numbers) or .txt (a text a line)")
    predict.add_argument("--scale", type=float, default=1.0, help="inputs are divided by it (1)")
    inspect = _command(commands, "inspect", "content of a model, weights, a state or a run")
    inspect.add_argument("file", help="file or folder; nothing in it is executed")
    plot = _command(commands, "plot", "curves of one or several runs as an image")
    plot.add_argument("runs", nargs="+", help="folders of runs")
    plot.add_argument("--out", default="history.png", metavar="FILE", help="image (history.png)")
    bench = _command(commands, "bench", "time of predictions and training steps of a model")
    bench.add_argument("model", help="file of the model")
    bench.add_argument("--batch", type=int, default=32, metavar="N", help="rows (32)")


RECIPE = """\
A recipe is a TOML file:

  [data]
  name = "mnist"          # or csv = "file.csv" and target = "column", or images = "folder"
  scale = 255.0

  [[layers]]
  type = "Flatten"
  [[layers]]
  type = "Dense"
  units = 10
  activation = "softmax"

  [compile]
  optimizer = {type = "Adam", learning_rate = 0.001}
  loss = "sparse_categorical_crossentropy"
  metrics = ["accuracy"]

  [fit]
  epochs = 5

An interrupted training continues with `lamina resume FOLDER`, or by the same command.
"""


def _command(commands: Any, name: str, purpose: str, more: str | None = None) -> Any:
    found = commands.add_parser(
        name, help=purpose, epilog=more, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("--json", action="store_true", help="print the result as JSON")
    return found


def _of_training(command: Any) -> None:
    command.add_argument("--epochs", type=int, metavar="N", help="epochs, instead of the recipe's")
    command.add_argument("--quiet", action="store_true", help="a line for each epoch")


def run(options: argparse.Namespace) -> None:
    """Run a command, and print its result."""
    module = importlib.import_module(f"lamina.cli.{COMMANDS[options.command]}")
    result = getattr(module, options.command)(options)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name}: {_text(value)}")


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "; ".join(map(_text, value)) if isinstance(value, list) else str(value)
