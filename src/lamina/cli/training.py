"""`lamina train`, `resume` and `tune`: trainings described by a program or a recipe."""

from __future__ import annotations

import runpy
import shutil
import sys
from pathlib import Path
from typing import Any

from lamina import tune as tuning
from lamina.cli.recipes import Recipe
from lamina.errors import ArgumentError, FileFormatError
from lamina.operations.random_keys import set_seed

RECIPE, RESULT = "recipe.toml", "model.lamina"


def train(options: Any) -> dict[str, Any]:
    """Train what a recipe describes, or run a program."""
    path = Path(options.target)
    if path.suffix == ".py":
        return _program(path, options.arguments)
    if options.arguments:
        raise ArgumentError(f"train: unexpected arguments {options.arguments} after a recipe")
    folder = Path(options.out or path.with_suffix(""))
    recipe = Recipe(path)
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / RECIPE
    if kept.exists() and kept.read_bytes() != path.read_bytes():
        raise ArgumentError(
            f"train: {str(folder)!r} holds the training of another recipe",
            hint="give another folder: --out FOLDER",
        )
    shutil.copyfile(path, kept)
    return _trained(recipe, folder, options)


def resume(options: Any) -> dict[str, Any]:
    """Continue the training of a recipe in its folder."""
    folder = Path(options.run)
    if not (folder / RECIPE).exists():
        raise FileFormatError(
            f"{folder}: holds no training of a recipe",
            hint="lamina.resume(folder, x, y) continues a fit(..., checkpoint=folder)",
        )
    return _trained(Recipe(folder / RECIPE), folder, options)


def _trained(recipe: Recipe, folder: Path, options: Any) -> dict[str, Any]:
    fit = {**recipe.fit, **({"epochs": options.epochs} if options.epochs else {})}
    fit.setdefault("seed", 0)
    set_seed(int(fit["seed"]))
    x, y = recipe.data()
    model = recipe.model()
    verbose = 0 if options.json else 2 if options.quiet else "auto"
    history = model.fit(x, y, **fit, verbose=verbose, checkpoint=folder / "states", resume=True)
    model.save(folder / RESULT)
    last = {name: values[-1] for name, values in history.history.items()}
    return {"model": str(folder / RESULT), "epochs": len(history.epoch), **last}


def _program(path: Path, arguments: list[str]) -> dict[str, Any]:
    """Run a Python program as `python program.py` does."""
    before = sys.argv, sys.path[:]
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.resolve().parent))
    try:
        runpy.run_path(str(path), run_name="__main__")
    finally:
        sys.argv, sys.path[:] = before
    return {}


def tune(options: Any) -> dict[str, Any]:
    """Search the hyperparameters of a recipe."""
    recipe = Recipe(options.recipe)
    folder = Path(options.out or recipe.path.with_suffix(".search"))
    arguments = {"seed": 0, **recipe.content.get("tune", {})}
    fit = {n: v for n, v in recipe.fit.items() if n not in ("epochs", "seed", "validation_split")}
    arguments.setdefault("epochs", recipe.fit.get("epochs", 1))
    x, y = recipe.data()
    found = tuning.search(
        recipe.model,
        recipe.space(),
        x,
        y,
        folder=folder,
        verbose=0 if options.json else 1,
        **arguments,
        **fit,
    )
    if not options.json:
        print(found.table())
    best = found.best
    found.best_model().save(folder / RESULT)
    return {
        "model": str(folder / RESULT),
        "trial": best.number,
        found.metric: best.value,
        **{f"params.{name}": value for name, value in best.params.items()},
    }
