"""TensorBoard: the curves, weights and graph of a training as event files."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from lamina import arguments
from lamina.annotations import PathLike
from lamina.arguments import Checks, integer
from lamina.callbacks.base import Callback, Logs
from lamina.callbacks.intervals import Interval
from lamina.errors import ArgumentError, StateError, describe, warn
from lamina.events.writer import EventWriter, new_name
from lamina.layers._base import symbolic
from lamina.tensor import Tensor

TRAIN, VALIDATION = "train", "validation"
EVENTS = "tfevents"  # in the names of event files
Node = tuple[str, str, list[str], dict[str, str]]


def _check_names(owner: str, name: str, value: Any) -> None:
    if value is not None and not isinstance(value, Mapping):
        raise ArgumentError(
            f"{owner}: {name}: expected a dictionary from name to value, got {describe(value)}"
        )


class TensorBoard(Callback):
    """A callback that writes event files: `tensorboard --logdir logs` shows them.

    Metrics of training are in the run "train", of validation in "validation", under the tags
    "epoch_loss" and so on; the learning rate is "epoch_learning_rate". A training that is resumed
    from a checkpoint removes what was written after the checkpoint, and appends to the same files.

    Args:
        log_dir: folder of the runs, made if it does not exist.
        histogram_freq: number of epochs between histograms of all weights; 0 writes none.
        write_graph: write the graph of layers.
        write_images: write weights as images too, with the histograms.
        write_steps_per_second: write the number of steps in a second of each epoch.
        update_freq: "epoch", "batch", or a number of batches, after which the metrics of training
            are written as "batch_loss" and so on.
        profile_batch: accepted for Keras, with a warning; a profile is written by
            `lamina.inspect.profile`.
        embeddings_freq: accepted for Keras, with a warning; the projector is not supported.
        embeddings_metadata: None, accepted for Keras.
        hyperparameters: dictionary from name to number, string or boolean, which TensorBoard lists
            for each run.

    Example:
        >>> import tempfile
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     board = lm.callbacks.TensorBoard(folder, histogram_freq=1)
        ...     x, y = lm.zeros((4, 2)), lm.zeros((4, 1))
        ...     history = model.fit(x, y, verbose=0, callbacks=[board])
    """

    places = ("log_dir",)
    argument_checks: ClassVar[Checks] = {
        **Callback.argument_checks,
        "log_dir": arguments.path,
        "hyperparameters": _check_names,
    }

    def __init__(
        self,
        log_dir: PathLike = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: int | tuple[int, int] = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
        *,
        hyperparameters: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if profile_batch not in (0, None):
            warn(
                f"TensorBoard: profile_batch={profile_batch!r} writes no profile; "
                "lamina.inspect.profile(model, x) shows time and rate of each kernel"
            )
        if embeddings_freq:
            warn(
                f"TensorBoard: embeddings_freq={embeddings_freq!r} writes no embeddings; "
                "lamina.plot.projection draws them in two dimensions"
            )
        self.log_dir = Path(log_dir)
        self.histogram_freq = integer("TensorBoard", "histogram_freq", histogram_freq, 0)
        self.write_graph, self.write_images = write_graph, write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        if self.update_freq != "epoch":
            self.update_freq = integer("TensorBoard", "update_freq", self.update_freq, 1)
        self.hyperparameters = dict(hyperparameters or {})
        self.each_batch = self.update_freq != "epoch"
        self._writers: dict[str, EventWriter] = {}
        self._name = new_name()  # of the file of each run
        self.batches_between = self.update_freq if isinstance(self.update_freq, int) else 1
        self._batches = Interval(self.batches_between if self.each_batch else None)
        self._epoch_steps = 0
        self._began = 0.0

    # ---- the files -----------------------------------------------------------------------------
    def writer(self, run: str) -> EventWriter:
        """Return the writer of a run, for values of the user's own.

        Args:
            run: "train", "validation" or another name, a folder in `log_dir`.
        """
        if run not in self._writers:
            self._writers[run] = _Writer(self.log_dir / run, self._name)
        return self._writers[run]

    def get_state(self) -> dict[str, Any]:
        files = {run: (w.name, w.flush(sync=True)) for run, w in self._writers.items()}
        return {"name": self._name, "files": files, "batches": self._batches.get_state()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        self._name, self._writers = state["name"], {}
        self._batches.set_state(state["batches"])
        files = {run: name for run, (name, _) in state["files"].items()}
        begun = {path.parent.name: path.name for path in self._begun(self._name)}
        for run, name in {**begun, **files}.items():
            inside = (self.log_dir / run / name).resolve().parent
            if not inside.is_relative_to(self.log_dir.resolve()) or EVENTS not in name:
                raise StateError(
                    f"TensorBoard: the restored training wrote {os.path.join(run, name)!r} "
                    "(expected an event file in log_dir)",
                    hint="was the state changed by hand? Begin another run in another folder",
                )
            self._writers[run] = _Writer(self.log_dir / run, name)
            self._writers[run].truncate(state["files"][run][1] if run in files else 0)

    def _begun(self, name: str) -> list[Path]:
        """The files of this name in the folders of runs, also of runs begun after the state."""
        found = self.log_dir.iterdir() if self.log_dir.is_dir() else ()
        return [each / name for each in found if (each / name).is_file()]

    # ---- training ------------------------------------------------------------------------------
    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._batches = Interval(self._batches.length)
        self._writers, self._name = {}, new_name()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if epoch == 0:
            self._describe()
        self._batches.begin_epoch()
        self._epoch_steps, self._began = 0, time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._epoch_steps = batch + 1
        if self._batches.passes(batch):
            self._scalars(TRAIN, "batch", logs or {}, self._batches.count)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        training = {n: v for n, v in logs.items() if not n.startswith("val_")}
        rate = getattr(self.model.optimizer, "learning_rate", None)
        if "learning_rate" not in training and rate is not None:
            training["learning_rate"] = float(np.asarray(rate))
        if self.write_steps_per_second and self._epoch_steps:
            seconds = time.perf_counter() - self._began
            training["steps_per_second"] = self._epoch_steps / seconds
        self._scalars(TRAIN, "epoch", training, epoch)
        validation = {n.removeprefix("val_"): v for n, v in logs.items() if n.startswith("val_")}
        self._scalars(VALIDATION, "epoch", validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._weights(epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        for writer in self._writers.values():
            writer.flush()

    def _scalars(self, run: str, prefix: str, values: Mapping[str, Any], step: int) -> None:
        for name, value in values.items():
            for tag, number in _numbers(f"{prefix}_{name}", value):
                self.writer(run).scalar(tag, number, step)

    def _weights(self, epoch: int) -> None:
        for name, variable in self.model.named_weights().items():
            array = variable.numpy()
            self.writer(TRAIN).histogram(name, array, epoch)
            pixels = _as_image(array) if self.write_images else None
            if pixels is not None:
                self.writer(TRAIN).image(f"{name}/image", pixels, epoch)

    def _describe(self) -> None:
        """Write what does not change: the graph, the hyperparameters."""
        if self.write_graph:
            self.writer(TRAIN).graph(list(graph_of(self.model)))
        if self.hyperparameters:
            self.writer(TRAIN).hyperparameters(self.hyperparameters, ["epoch_loss"])


class _Writer(EventWriter):
    """A writer whose values wait, after one warning, while the disk refuses them."""

    _warned = False

    def flush(self, sync: bool = False) -> int:
        try:
            length = super().flush(sync)
        except OSError as error:
            if not self._warned:
                warn(f"TensorBoard: {error}; training continues, and the values are kept")
            self._warned = True
            return self._length or 0
        self._warned = False
        return length


def _numbers(tag: str, value: Any) -> Iterator[tuple[str, float]]:
    """A metric of several numbers is a curve for each."""
    flat = np.asarray(value).ravel()
    for k, number in enumerate(flat):
        yield (tag if flat.size == 1 else f"{tag}/{k}"), float(number)


def _as_image(array: np.ndarray) -> np.ndarray | None:
    """Weights scaled to 0 to 1: matrices, and the kernels of convolutions side by side."""
    if array.ndim not in (2, 3, 4) or not array.size:
        return None
    if array.ndim > 2:  # (height, width, in, out): rows of inputs, columns of outputs
        x = array.reshape(*((1,) * (4 - array.ndim)), *array.shape)
        height, width, inputs, outputs = x.shape
        array = x.transpose(2, 0, 3, 1).reshape(inputs * height, outputs * width)
    low, high = float(array.min()), float(array.max())
    return (array - low) / ((high - low) or 1.0)


# ---- the graph ---------------------------------------------------------------------------------
def graph_of(model: Any) -> Iterator[Node]:
    """The layers of a model as nodes (name, class, names of inputs, attributes). Of a model that is
    code, a chain of its layers."""
    try:
        outputs: list[Tensor] = list(model.outputs)
    except AttributeError:
        before: list[str] = []
        for layer in model.layers:
            yield layer.name, type(layer).__name__, before, _attributes(layer)
            before = [layer.name]
        return
    stack, seen = list(symbolic.calls_behind(outputs)), set()
    while stack:
        call = stack.pop()
        if call.layer.name not in seen:
            seen.add(call.layer.name)
            sources = list(symbolic.calls_behind(call.inputs))
            stack += sources
            names = [source.layer.name for source in sources] or ["input"]
            yield call.layer.name, type(call.layer).__name__, names, _attributes(call.layer)
    yield "input", "Input", [], {}


def _attributes(layer: Any) -> dict[str, str]:
    return {"weights": f"{layer.count_params():,}"} if layer.built else {}
