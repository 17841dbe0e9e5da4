"""The table of cases: what is measured, with whom, in what unit, and the goal it is held against.

A case is of one of two kinds. In a *turns* case each contestant is a resident process that does
a fixed number of steps when asked; in a *program* case each sample is a whole process.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

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


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str
    title: str
    kind: Literal["turns", "program"]
    work: str
    """turns: the key in each contestant's table of work; program: the script in `scripts/`."""
    metrics: tuple[Metric, ...]
    contestants: tuple[str, ...]
    rounds: int
    arguments: dict[str, int] = field(default_factory=dict)
    """turns: `batch` and `steps` a turn; program: the script's own options."""
    caches: Literal["kept", "fresh"] = "kept"
    """program: `kept` makes an uncounted run first, which fills caches; `fresh` empties them."""
    witness: tuple[float, float] = (0.0, float("inf"))
    """turns: the range a turn's result must lie in, so that nobody wins by not doing the work."""


LAMINA = ("lamina", "lamina-step")
KERAS = ("keras-jax", "keras-tensorflow", "keras-torch")
BARE = ("torch", "torch-compile", "jax", "jax-scan")
FEW = ("lamina", "keras-jax")
"""Lamina and its nearest peer in whole programs."""

CHANCE_LOSS = 2.302585
"""The cross-entropy of guessing among ten classes: a network that learns is below it."""


def _step(
    name: str,
    title: str,
    sizes: tuple[int, int],
    goal: str = "",
    contestants: tuple[str, ...] = (*LAMINA, *BARE, *KERAS),
    rounds: int = 15,
    loss_below: float = CHANCE_LOSS,
) -> Case:
    """A training-step case, `network-batch`, of `sizes` (batch, steps a turn): milliseconds."""
    batch, steps = sizes
    return Case(
        name=name,
        title=f"Training step, {title}, batch {batch}",
        kind="turns",
        work=name.split("-")[0],
        metrics=(Metric("seconds", "step", "ms", 1e3, goal),),
        contestants=contestants,
        rounds=rounds,
        arguments={"batch": batch, "steps": steps},
        witness=(0.0, loss_below),
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
VGG = "ShallowVGGNet 32x32x3, Adam"
LSTM = "LSTM(128) over 28 rows of 28, Adam"
WITHOUT_KERAS = ("lamina", *BARE)
WITHOUT_SCAN = ("lamina", "torch", "torch-compile", "jax")
"""XLA runs convolutions inside a scan naively: 1100 ms a step where the jitted one takes 48."""

CASES: tuple[Case, ...] = (
    _step("mlp-32", MLP, (32, 200), "1.6x the fastest peer"),
    _step("mlp-128", MLP, (128, 80), "1.4x the fastest peer"),
    _step("mlp-512", MLP, (512, 30), "1.15x the fastest peer"),
    Case(
        name="predict-one",
        title="Predict one row, in a loop, MLP 784-512-10",
        kind="turns",
        work="predict",
        metrics=(Metric("seconds", "call", "us", 1e6, "30 us; faster than every peer"),),
        contestants=("lamina", "numpy", "torch", "torch-compile", "jax", *KERAS, "keras-jax-call"),
        rounds=15,
        arguments={"batch": 1, "steps": 100},
        witness=(0.999, 1.001),
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
    _step("vgg-32", VGG, (32, 3), "", WITHOUT_SCAN, 9, loss_below=5.0),
    _step("vgg-128", VGG, (128, 1), "", WITHOUT_SCAN, 9, loss_below=5.0),
    _step("lstm-32", LSTM, (32, 20), "", WITHOUT_KERAS, 9),
)

BY_NAME = {case.name: case for case in CASES}
