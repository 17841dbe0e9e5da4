"""The table of cases: what is measured, with whom, in what unit, and the goal it is held against.

A case is of one of two kinds. In a *trials* case each contestant is a resident process that does
a fixed number of steps when asked; in a *program* case each sample is a whole process.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log
from typing import Literal

from benchmarks import networks
from benchmarks.networks import DECODERS

MEGABYTE = 1e6


@dataclass(frozen=True)
class Metric:
    """One measured quantity of a case: its key in a sample and how a person reads it."""

    key: str
    label: str
    unit: str
    scale: float = 1.0
    """A sample's value times `scale` is the figure in `unit`."""
    goal: str = ""
    """What Lamina is to reach, in words; empty where no goal is set."""
    compared: bool = True
    """Whether peer / Lamina is a meaningful ratio of this quantity."""
    bar: float = 0.0
    """How many times Lamina's figure the least of its peers is to be at least; 0: no such goal."""


@dataclass(frozen=True)
class Least:
    """The least work of a case, from which the least time follows."""

    network: str
    kind: Literal["training", "inference"]
    batch: int

    @property
    def work(self) -> int:
        """Floating-point operations."""
        network = networks.BY_NAME[self.network]
        count = network.training_work if self.kind == "training" else network.inference_work
        return count(self.batch)

    @property
    def bytes(self) -> int:
        """Bytes that have to be moved."""
        network = networks.BY_NAME[self.network]
        count = network.training_bytes if self.kind == "training" else network.inference_bytes
        return count(self.batch)


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str
    title: str
    kind: Literal["trials", "program"]
    work: str
    """trials: the key in each contestant's table of work; program: the script in `scripts/`."""
    metrics: tuple[Metric, ...]
    contestants: tuple[str, ...]
    rounds: int
    arguments: dict[str, int | str] = field(default_factory=dict)
    """trials: `batch` and `steps` a trial; program: the script's own options."""
    caches: Literal["kept", "fresh"] = "kept"
    """program: `kept` makes an uncounted run first, which fills caches; `fresh` empties them."""
    witness: tuple[float, float] = (0.0, float("inf"))
    """trials: the range of a trial's result, so that no contestant wins without the work."""
    least: Least | None = None


LAMINA = ("lamina", "lamina-step")
KERAS = ("keras-jax", "keras-tensorflow", "keras-torch")
BARE = ("torch", "torch-compile", "jax", "jax-scan")
FEW = ("lamina", "keras-jax")
"""Lamina and its nearest peer in whole programs."""


def _step(
    name: str,
    title: str,
    sizes: tuple[int, int],
    bar: float = 0.0,
    contestants: tuple[str, ...] = (*LAMINA, *BARE, *KERAS),
    rounds: int = 15,
    loss_below: float = 2.302585,
) -> Case:
    """A training-step case, `NETWORK-batch` (`dense-4096`: its width), of `sizes` (batch, steps a
    trial): milliseconds.

    A loss is below that of guessing among ten classes, unless said otherwise.
    """
    batch, steps = sizes
    network = name.split("-")[0]
    return Case(
        name=name,
        title=f"Training step, {title}, batch {batch}",
        kind="trials",
        work=network,
        metrics=(Metric("seconds", "step", "ms", 1e3, bar=bar),),
        contestants=contestants,
        rounds=rounds,
        arguments={"batch": batch, "steps": steps},
        witness=(0.0, loss_below),
        least=Least(network, "training", batch),
    )


def _predict(
    name: str,
    title: str,
    sizes: tuple[int, int],
    contestants: tuple[str, ...],
    bar: float,
    goal: str = "",
) -> Case:
    """An inference case: microseconds a call, for the network that ends `work`."""
    batch, steps = sizes
    network = "mlp" if name == "predict-one" else name.split("-")[1]
    return Case(
        name=name,
        title=title,
        kind="trials",
        work=f"predict-{network}",
        metrics=(Metric("seconds", "call", "us", 1e6, goal, bar=bar),),
        contestants=contestants,
        rounds=15,
        arguments={"batch": batch, "steps": steps},
        witness=(0.0, 9.0),
        least=Least(network, "inference", batch),
    )


def _start(name: str, title: str, caches: Literal["kept", "fresh"], goal: str) -> Case:
    """A cold-start case: seconds from the start of the interpreter to the end of the first step."""
    return Case(
        name=name,
        title=title,
        kind="program",
        work="first_step",
        metrics=(Metric("first_step", "first step done", "s", 1.0, goal),),
        contestants=("lamina", "torch", "torch-compile", "jax", *KERAS),
        rounds=5,
        caches=caches,
    )


def _compile(
    name: str,
    title: str,
    work: str,
    caches: Literal["kept", "fresh"],
    goal: str,
    batch: int = 32,
) -> Case:
    """The cost of compiling a training step, in a separate process."""
    return Case(
        name=name,
        title=f"Compiling the training step, {title}",
        kind="program",
        work="compile_step",
        metrics=(Metric("compile", "the first step's excess", "s", 1.0, goal, bar=1.0),),
        contestants=("lamina", "torch-compile", "jax"),
        rounds=3,
        caches=caches,
        arguments={"work": work, "batch": batch},
    )


def _first_fit(name: str, title: str, caches: Literal["kept", "fresh"], goal: str) -> Case:
    """The cost of the first `fit` of ResNet-50, in a separate process."""
    return Case(
        name=name,
        title=f"First fit of ResNet-50, 224x224, batch 8, {title}",
        kind="program",
        work="first_fit",
        metrics=(Metric("compile", "the first fit's excess", "s", 1.0, goal),),
        contestants=("lamina",),
        rounds=3,
        caches=caches,
        arguments={"batch": 8},
    )


def _lecture(
    name: str, title: str, caches: Literal["kept", "fresh"], contestants: tuple[str, ...]
) -> Case:
    """The lecture's program as a whole process."""
    return Case(
        name=name,
        title=title,
        kind="program",
        work="lecture",
        metrics=(
            Metric("wall", "wall time", "s", 1.0, "3x Keras on JAX, 8x Keras on TensorFlow"),
            Metric("peak_bytes", "memory at peak", "MB", 1 / MEGABYTE, "less than every peer"),
            Metric("accuracy", "test accuracy", "", 1.0, "at least 0.975", compared=False),
        ),
        contestants=contestants,
        rounds=3,
        caches=caches,
    )


MLP = "MLP 784-512-10, Adam"
DENSE = "dense 4096-4096-4096-1000, Adam"
VGG = "ShallowVGGNet as printed, 32x32x3, Adam"
VGG_PLAIN = "ShallowVGGNet without normalization and dropout, 32x32x3, Adam"
RESNET = "ResNet-18 for 32x32x3, Adam"
LSTM = "LSTM(128) over 28 rows of 28, Adam"
GRU = "GRU(256) over 100 rows of 64, Adam"
TRANSFORMER = "character Transformer, 4 layers of 128, 4 heads, context 128, Adam"
GPT = "GPT, 6 layers of 256, 8 heads, context 256, vocabulary 5,000, Adam"
VIT = "vision Transformer, 72x72x3, 8 layers of 64, Adam"
WITHOUT_SCAN = ("lamina", "torch", "torch-compile", "jax")
"""XLA runs convolutions inside a scan naively: 1100 ms a step where the jitted one takes 48."""
RECURRENT = ("lamina", *BARE, "keras-jax")
ONNX = ("onnx", "torch", "torch-compile", "jax")

TRAINING: tuple[Case, ...] = (
    _step("mlp-32", MLP, (32, 200), 1.6),
    _step("mlp-128", MLP, (128, 80), 1.4),
    _step("mlp-512", MLP, (512, 30), 1.15),
    _step("dense-4096", DENSE, (256, 2), 1.0, ("lamina", *BARE), 7, loss_below=20.0),
    _step("vgg-32", VGG, (32, 3), 1.5, WITHOUT_SCAN, 9, loss_below=8.0),
    _step("vgg-128", VGG, (128, 1), 1.5, WITHOUT_SCAN, 9, loss_below=8.0),
    _step("vgg_plain-32", VGG_PLAIN, (32, 3), 1.5, WITHOUT_SCAN, 9, loss_below=5.0),
    _step("vgg_plain-128", VGG_PLAIN, (128, 1), 1.5, WITHOUT_SCAN, 9, loss_below=5.0),
    _step("resnet18-32", RESNET, (32, 1), 1.2, WITHOUT_SCAN, 5, loss_below=8.0),
    _step("lstm-32", LSTM, (32, 20), 2.0, RECURRENT, 9),
    _step("lstm-128", LSTM, (128, 10), 1.5, RECURRENT, 9),
    _step("gru-32", GRU, (32, 4), 1.7, RECURRENT, 9, loss_below=2.5),
    _step(
        "transformer-16",
        TRANSFORMER,
        (16, 3),
        1.3,
        ("lamina", *BARE),
        9,
        loss_below=log(DECODERS["transformer"].vocabulary),
    ),
    _step(
        "gpt-6x256",
        GPT,
        (8, 1),
        1.3,
        ("lamina", *BARE),
        7,
        loss_below=1.1 * log(DECODERS["gpt"].vocabulary),
    ),
    _step("vit-72", VIT, (32, 1), 1.3, ("lamina", *BARE), 7, loss_below=30.0),
)

INFERENCE: tuple[Case, ...] = (
    _predict(
        "predict-one",
        "Predict one row, in a loop, MLP 784-512-10",
        (1, 100),
        ("lamina", "numpy", *ONNX, *KERAS, "keras-jax-call"),
        1.0,
        "30 us",
    ),
    _predict(
        "predict-vgg-1",
        "Predict one image, in a loop, ShallowVGGNet",
        (1, 500),  # longer than threads that have slept take to find a processor each
        ("lamina", *ONNX),
        1.0,
    ),
    Case(
        name="stream-one",
        title="One step of a stream, in a loop, LSTM(256) of 64 features",
        kind="trials",
        work="stream",
        metrics=(Metric("seconds", "step", "us", 1e6, bar=2.0),),
        contestants=("lamina", "torch", "torch-cell", "torch-compile", "jax"),
        rounds=15,
        arguments={"batch": 1, "steps": 4000},
        witness=(-float("inf"), float("inf")),
        least=Least("stream", "inference", 1),
    ),
    _predict(
        "predict-vgg-64",
        "Predict 64 images, in a loop, ShallowVGGNet",
        (64, 16),
        ("lamina", *ONNX),
        1.2,
    ),
)

COMPILING: tuple[Case, ...] = (
    _compile("compile-vgg", "ShallowVGGNet, batch 32, empty caches", "vgg", "fresh", "3 s"),
    _compile("compile-vgg-cached", "ShallowVGGNet, batch 32, caches kept", "vgg", "kept", "0.5 s"),
    _compile("compile-lstm", "LSTM(128), 28 steps, empty caches", "lstm", "fresh", "1.5 s"),
    _compile(
        "compile-lstm-1000", "LSTM(128), 1,000 steps, empty caches", "lstm_1000", "fresh", "1.5 s"
    ),
    _compile("compile-gpt", "GPT of 6 layers of 256, empty caches", "gpt", "fresh", "2.5 s", 8),
    _compile("compile-gpt-cached", "GPT of 6 layers of 256, cached", "gpt", "kept", "0.6 s", 8),
    _first_fit("first-fit-resnet50", "empty caches", "fresh", "4 s"),
    _first_fit("first-fit-resnet50-cached", "caches kept", "kept", "1 s"),
)

PROGRAMS: tuple[Case, ...] = (
    Case(
        name="vgg-epoch",
        title="ShallowVGGNet as a Keras program with progress bar, part of an epoch",
        kind="program",
        work="vgg_epoch",
        metrics=(
            Metric("fit", "fit, compiling included", "s", bar=2.5),
            Metric("wall", "the whole process", "s"),
            Metric("peak_bytes", "memory at peak", "MB", 1 / MEGABYTE),
        ),
        contestants=("lamina", *KERAS),
        rounds=3,
        arguments={"rows": 10_000},
    ),
    Case(
        name="memory-vgg",
        title="Memory of ShallowVGGNet's training step, batch 32",
        kind="program",
        work="memory",
        metrics=(
            Metric("steps_bytes", "at peak of the steps", "MB", 1 / MEGABYTE, bar=1.0),
            Metric("own_bytes", "more than after the import", "MB", 1 / MEGABYTE),
        ),
        contestants=("lamina", "torch", "torch-compile", "jax", *KERAS),
        rounds=2,
        arguments={"work": "vgg", "batch": 32},
    ),
    _start("cold-start", "First step from a cold start, empty caches", "fresh", "1.0 s"),
    _start("warm-start", "First step from a cold start, caches kept", "kept", "0.45 s"),
    _lecture(
        "lecture", "The lecture's program, a whole process, caches kept", "kept", ("lamina", *KERAS)
    ),
    _lecture("lecture-first", "The lecture's program, its first run on a machine", "fresh", FEW),
    Case(
        name="rebuild",
        title="Build, fit, delete, many times over: resident memory",
        kind="program",
        work="rebuild",
        metrics=(
            Metric("growth_bytes", "growth", "MB", 1 / MEGABYTE, "within 5 MB", compared=False),
            Metric("growth_each", "growth a model", "kB", 1e-3, compared=False),
        ),
        contestants=("lamina", "torch", "keras-jax"),
        rounds=1,
        caches="fresh",
        arguments={"models": 500, "seconds": 60},
    ),
)

CASES = (*TRAINING, *INFERENCE, *COMPILING, *PROGRAMS)
BY_NAME = {case.name: case for case in CASES}
