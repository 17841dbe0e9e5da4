"""The table of contestants: who takes part, what it needs installed, where its work is written."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module

Trial = Callable[[], float]
"""Does one trial (all its steps, finished when it returns) and returns a witness of the work."""
Prepare = Callable[[int, int], Trial]
"""`prepare(batch, steps)` builds and compiles whatever a trial needs, data included."""


@dataclass(frozen=True)
class Contestant:
    """One row of the table."""

    name: str
    label: str
    needs: tuple[str, ...]
    """The modules without which this contestant is skipped."""
    work: str = ""
    """`module:TABLE`, a table from a case's work to a `Prepare`, in `benchmarks.frameworks`."""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """The needed modules that are not installed."""
        return tuple(name for name in self.needs if importlib.util.find_spec(name) is None)

    def table(self) -> dict[str, Prepare]:
        """The work this contestant can do; imports its framework."""
        module, table = self.work.split(":")
        return getattr(import_module(f"benchmarks.frameworks.{module}"), table)


def _keras(backend: str, needs: str, label: str) -> Contestant:
    environment = {"KERAS_BACKEND": backend}
    return Contestant(
        f"keras-{backend}", f"Keras on {label}", ("keras", needs), "keras_style:KERAS", environment
    )


CONTESTANTS: tuple[Contestant, ...] = (
    Contestant("lamina", "Lamina", ("lamina",), "keras_style:LAMINA"),
    Contestant("lamina-step", "Lamina, train_on_batch", ("lamina",), "keras_style:LAMINA_STEP"),
    Contestant("numpy", "NumPy by hand", ("numpy",), "numpy_by_hand:WORK"),
    Contestant("torch", "PyTorch eager", ("torch",), "pytorch:EAGER"),
    Contestant("torch-compile", "PyTorch, torch.compile", ("torch",), "pytorch:COMPILED"),
    Contestant("torch-cell", "PyTorch, LSTMCell", ("torch",), "pytorch:CELL"),
    Contestant("onnx", "ONNX Runtime", ("onnxruntime", "onnx"), "onnx_runtime:WORK"),
    Contestant("jax", "JAX, jit", ("jax",), "with_jax:STEPS"),
    Contestant("jax-scan", "JAX, jit of a scan", ("jax",), "with_jax:SCAN"),
    _keras("jax", "jax", "JAX"),
    _keras("tensorflow", "tensorflow", "TensorFlow"),
    _keras("torch", "torch", "PyTorch"),
    Contestant(
        "keras-jax-call",
        "Keras on JAX, model(x)",
        ("keras", "jax"),
        "keras_style:KERAS_CALL",
        {"KERAS_BACKEND": "jax"},
    ),
)

BY_NAME = {contestant.name: contestant for contestant in CONTESTANTS}
BASELINE = "lamina"
"""The contestant that the others are divided by."""
