"""`lamina evaluate`, `predict`, `inspect`, `plot` and `bench`: what a saved model is and does."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from lamina import plot as plots
from lamina.cli.recipes import Recipe, table
from lamina.data import img_to_array, load_img
from lamina.errors import ArgumentError, FileFormatError
from lamina.models import Model
from lamina.saving import container, load_model, safetensors, states
from lamina.training.checkpoints import HISTORY, STATE

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
POSITION = ("epoch", "step")
MOST = 3  # classes shown for each prediction


def evaluate(options: Any) -> dict[str, Any]:
    """Loss and metrics of a model on a CSV file or the test data of a recipe."""
    model: Model = load_model(options.model)
    if Path(options.data).suffix == ".toml":
        x, y = Recipe(options.data).data("test")
    else:
        x, y = table(Path(options.data), options.target)
    scores = model.evaluate(x, y, verbose=0, return_dict=True)
    return {name: float(np.mean(value)) for name, value in scores.items()}


def predict(options: Any) -> dict[str, Any]:
    """The predictions for images, tables or texts, by file."""
    model: Model = load_model(options.model)
    found: dict[str, Any] = {}
    for name in options.files:
        rows = model.predict(_inputs(model, Path(name), options.scale), verbose=0)
        found[name] = [_shown(np.asarray(row)) for row in np.atleast_2d(rows)]
    return found


def _inputs(model: Model, path: Path, scale: float) -> np.ndarray:
    if path.suffix.lower() in IMAGES:
        shape = model.input_shape
        size = tuple(shape[1:3]) if len(shape) == 4 or len(shape) == 3 else None
        mode = "rgb" if len(shape) == 4 and shape[3] == 3 else "grayscale"
        if size is None or None in size:
            size = None
        pixels = img_to_array(load_img(path, color_mode=mode, target_size=size)) / scale
        return pixels[None] if len(shape) == 4 else pixels[None, :, :, 0]
    if path.suffix.lower() == ".csv":
        return table(path, None, scale)[0]
    if path.suffix.lower() == ".txt":
        return np.array([line for line in path.read_text("utf-8").splitlines() if line])
    raise ArgumentError(f"predict: {path}: unknown kind of file (expected an image, .csv, or .txt)")


def _shown(row: np.ndarray) -> Any:
    """The most probable classes of a row of probabilities; other rows as they are."""
    flat = row.ravel()
    if flat.size > 1 and flat.min() >= 0 and abs(float(flat.sum()) - 1) < 1e-3:
        best = np.argsort(-flat)[:MOST]
        return {int(k): round(float(flat[k]), 6) for k in best}
    return [float(value) for value in flat]


# ---- files -------------------------------------------------------------------------------------
def inspect(options: Any) -> dict[str, Any]:
    """The content of a model file, a file of weights, a state or the folder of a run; nothing in it
    is executed."""
    path = Path(options.file)
    if path.is_dir() and not (path / container.MANIFEST).exists():
        return _run(path)
    content = container.read_file(path)
    if not isinstance(content, bytes) or content[:2] == b"PK":
        return _model(path, content, options)
    if STATE.fullmatch(path.name) or path.suffix == ".state":
        state = states.unpack(path, content)
        return {"kind": "state", "step": state["step"], **dict(state["position"])}
    if safetensors.is_safetensors(content):
        return {"kind": "weights", **_sizes(container.from_safetensors(path, content).arrays)}
    raise container.not_a_model(path, content)


def _model(path: Path, content: bytes | container.Members, options: Any) -> dict[str, Any]:
    unpacked = container.unpack(path, content)
    described = unpacked.model["model"]
    if not options.json:
        for name, array in unpacked.weights.arrays.items():
            print(f"{name:40} {array.dtype!s:10} {'x'.join(map(str, array.shape))}")
    return {
        "kind": "model",
        "class": described.get("class_name"),
        "name": described.get("config", {}).get("name"),
        "compiled": unpacked.model.get("compile") is not None,
        "optimizer_state": unpacked.optimizer is not None,
        **_sizes(unpacked.weights.arrays),
    }


def _sizes(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    return {
        "arrays": len(arrays),
        "parameters": sum(array.size for array in arrays.values()),
        "bytes": sum(array.nbytes for array in arrays.values()),
    }


def _run(folder: Path) -> dict[str, Any]:
    epochs = history_of(folder)
    found = [m for m in map(STATE.fullmatch, (p.name for p in folder.rglob("*.state"))) if m]
    last = max((int(m[1]) for m in found), default=None)
    return {"kind": "run", "epochs": len(epochs), "newest_state": last, **(epochs or [{}])[-1]}


def history_of(folder: Path) -> list[dict[str, Any]]:
    """The metrics of each epoch of a run.

    Raises:
        FileFormatError: if the folder holds no run.
    """
    files = [p for p in (folder / HISTORY, folder / "states" / HISTORY) if p.exists()]
    if not files:
        raise FileFormatError(f"{folder}: holds no training (expected {HISTORY})")
    try:
        return [json.loads(line) for line in files[0].read_text("utf-8").splitlines()]
    except ValueError as error:
        raise FileFormatError(f"{files[0]}: is damaged: {error}") from error


def plot(options: Any) -> dict[str, Any]:
    """Draw the curves of one or several runs."""
    runs = {}
    for name in options.runs:
        epochs = history_of(Path(name))
        names = [
            n for n in dict.fromkeys(k for e in epochs for k in e) if n not in ("epoch", "step")
        ]
        runs[name] = {n: [e[n] for e in epochs if n in e] for n in names}
    plots.history(runs if len(runs) > 1 else next(iter(runs.values())), path=options.out)
    return {"image": options.out}


def bench(options: Any) -> dict[str, Any]:
    """Time predictions and training steps of a model: the median of several rounds."""
    model: Model = load_model(options.model)
    shape = [options.batch, *(n or 32 for n in model.input_shape[1:])]
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = {"batch": options.batch, "predict_ms": _median(lambda: model.predict(x, verbose=0))}
    if model.compiled and model.optimizer.built:
        y = model.predict(x, verbose=0)
        if "sparse" in str(model.get_compile_config()).lower():
            y = y.argmax(-1)
        found["train_ms"] = _median(lambda: model.train_on_batch(x, y))
    return found


def _median(call: Any, rounds: int = 7) -> float:
    call()
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return round(1000 * float(np.median(times)), 4)
