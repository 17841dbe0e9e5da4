"""Session: the training of one compiled model: its objectives, state and programs.

A model holds its session and passes itself to each method, so that the two do not hold each other.
"""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from lamina import optimizers, tree
from lamina.data.arrays import Array
from lamina.errors import StateError
from lamina.locks import MAKING
from lamina.optimizers.base import OptimizerLike
from lamina.tensor import Tensor
from lamina.training import checks, fit
from lamina.training.columns import Columns, columns
from lamina.training.joint_losses import joint_losses
from lamina.training.objectives import Compilation, Output, objectives, outputs_with_losses
from lamina.training.options import FitOptions, Verbose
from lamina.training.outputs import aligned
from lamina.training.own_metrics import own_metrics
from lamina.training.programs import Runner
from lamina.training.protocol import Extents, Kind, Listeners, Logs, Nest, Outputs, Trainable
from lamina.training.runners import Runners, eager_runner, results_of
from lamina.training.state import Position, State, position_in, put_model, put_steps, state_of
from lamina.training.stateful import check_rows
from lamina.training.step import Steps
from lamina.training.vocabularies import Vocabularies

_Described: TypeAlias = tuple[list[Extents], list[str], object]  # shapes, names and structure


class Session:
    """Made by `compile`, completed by the first data.

    `steps` is the state of training besides the weights, None until data have come. `paces` holds
    how many steps native code makes at a time, by the data. `restored` is the state that the next
    `fit` continues; a `fit` that fails before its first step leaves it there.
    """

    def __init__(self, compilation: Compilation) -> None:
        self.compilation = compilation
        self.steps: Steps | None = None
        self.first_step = (0, 0)  # seed and number, for steps that are yet to come
        self.paces: dict[Hashable, int] = {}
        self.seed = 0  # of the last `fit`
        self.position = Position()  # of the last `fit`
        self._callbacks: Sequence[object] | None = None  # their states after the last `fit`
        self._listeners: weakref.ref[Listeners] | None = None  # while a `fit` runs
        self.restored: State | None = None  # what the next `fit` continues
        self._to_continue: State | None = None  # for steps that are yet to come
        self._runners = Runners()
        self._vocabularies = Vocabularies()
        self._outputs: dict[Hashable, _Described] = {}

    def set_optimizer(self, optimizer: OptimizerLike) -> None:
        """Use another optimizer from here on; programs of the one before are dropped."""
        self.compilation.optimizer = optimizers.get(optimizer)
        self._runners = Runners()

    # ---- methods for models --------------------------------------------------------------------
    def fit(
        self, model: Trainable, x: Nest, y: Nest, options: FitOptions, listeners: Listeners
    ) -> None:
        """Train the model; see `Model.fit`."""
        self._listeners = weakref.ref(listeners)
        try:
            fit.fit(self, model, x, y, options, listeners)
        finally:
            self._listeners = None

    def end_fit(self, listeners: Listeners) -> None:
        """Note the states of callbacks at the end of training, also of one that was interrupted."""
        self._callbacks = listeners.states()

    def evaluate(
        self,
        model: Trainable,
        x: Nest,
        y: Nest,
        listeners: Listeners,
        *,
        sample_weight: Nest = None,
        batch_size: int | None = None,
        steps: int | None = None,
        verbose: Verbose = "auto",
    ) -> Logs:
        """Return the loss and metrics on data; see `Model.evaluate`."""
        source = fit.evaluated(self, model, x, y, sample_weight, batch_size, steps)
        return fit.evaluate(self, model, source, listeners, verbose)

    def on_batch(
        self,
        model: Trainable,
        kind: Kind,
        x: Nest,
        y: Nest,
        sample_weight: Nest = None,
        class_weight: Mapping[int, float] | None = None,
    ) -> Logs:
        """Make one step on one batch, and return its loss and metrics."""
        data = columns(x, y, sample_weight, class_weight)
        steps = self.prepare(model, data, kind)
        check_rows(model, data.rows, batches=False)
        if kind == "train" and self.restored is not None:
            self.continue_from(model, self.restored)
            self.restored = None
        self.reset(model)
        if data.numbers is not None:  # each separate batch is an epoch
            steps.epoch.assign(steps.count.numpy().item())
        order = np.arange(data.rows, dtype=np.int32)[None]
        return self.logs(self.runner(model, kind, data)(order, *data.arrays))

    # ---- its state -----------------------------------------------------------------------------
    def state(self, model: Trainable) -> State:
        """Return everything that the continuation of training depends on; see
        `Model.training_state`. It may be called at any time, also by a callback."""
        if self.steps is None:
            raise StateError(
                f"{model.label}: training_state comes before the first data",
                hint="call fit or train_on_batch first",
            )
        listeners = self._listeners() if self._listeners is not None else None
        callbacks = self._callbacks if listeners is None else listeners.states()
        return state_of(model, self.steps, self.seed, self.position, callbacks)

    def restore(self, model: Trainable, state: State) -> None:
        """Set weights and optimizer to a state, and let the next `fit` continue from there."""
        put_model(model, state)
        self.position, self.restored = position_in(state), state

    def continue_from(self, model: Trainable, state: State) -> None:
        """Set the state of steps, metrics and layers, as soon as there are any."""
        if self.steps is not None:
            put_steps(model, self.steps, state)
            self._to_continue = None
        else:
            self._to_continue = state

    # ---- before the first step -----------------------------------------------------------------
    def prepare(self, model: Trainable, data: Columns, what: str, first: int = 0) -> Steps:
        """Build the model, resolve objectives, check data against them. Raises before anything is
        computed. `first` is the number of the first row in the data set."""
        with MAKING:
            if model.computes:
                steps = self._prepared(model, data, what, first)
            else:
                model.build_without_call()
                steps = self._steps_of_unknown_outputs()
            if self._to_continue is not None:
                self.continue_from(model, self._to_continue)
            return steps

    def _prepared(self, model: Trainable, data: Columns, what: str, first: int) -> Steps:
        model.build_for(data.input_nest)
        checks.check_inputs(model, data, first)
        self._vocabularies.check(model, data, first)
        if any(layer.needs_samples for layer in model.layers):
            data.number_rows(first)
        outputs, structure = self._described(model, data)
        if self.steps is None:
            self.steps = self._steps_for(model, outputs, structure)
            self.steps.begin(*self.first_step)
        checks.check_targets(model, self.steps, data, [o.shape for o in outputs], what)
        self.compilation.optimizer.build(model.trainable_weights)
        model.arrange()
        return self.steps

    def _steps_for(self, model: Trainable, outputs: Sequence[Output], structure: object) -> Steps:
        chosen, layers = self.compilation, model.structure.output_layers
        names = [output.name for output in outputs]
        if len(layers) == len(names):
            names = [n if a is None else a.name for n, a in zip(names, layers, strict=True)]
        nest = tree.unflatten(structure, names)
        joint = joint_losses(chosen.loss, chosen.loss_weights, nest, names)
        if joint is None:
            return Steps(objectives(chosen, outputs))
        return Steps(objectives(chosen, outputs, has_losses=False), joint, structure)

    def _steps_of_unknown_outputs(self) -> Steps:
        """The state of a model whose steps are its own: outputs are not known before they run."""
        if self.steps is None:
            chosen = self.compilation
            of_any_shape = [Output("output", (None, None), None)]
            wanted = [chosen.loss, chosen.metrics, chosen.weighted_metrics]
            self.steps = Steps(objectives(chosen, of_any_shape if any(wanted) else []))
            self.steps.begin(*self.first_step)
        return self.steps

    def _described(self, model: Trainable, data: Columns) -> tuple[list[Output], object]:
        """The outputs and targets of these data, by name and shape, and the outputs' structure."""
        key = (model.structure.key, data.kind)
        if key not in self._outputs:
            self._outputs[key] = model.structure.outputs_for(data.input_shapes)
        shapes, names, structure = self._outputs[key]
        y = tree.unflatten(data.target_structure, data.targets)
        needed = outputs_with_losses(self.compilation, names)
        targets = aligned(y, names, "y", needed=needed) if data.targets else [None] * len(names)
        outputs = [
            Output(name, shape, target.shape if isinstance(target, np.ndarray) else None)
            for name, shape, target in zip(names, shapes, targets, strict=True)
        ]
        return outputs, structure

    # ---- steps and their results ---------------------------------------------------------------
    def runner(self, model: Trainable, kind: Kind, data: Columns) -> Runner:
        """Return what makes steps of this kind on such data, (order, *arrays) -> logs: a program,
        or with `run_eagerly` a Python function."""
        assert self.steps is not None
        if self.compilation.run_eagerly:  # costs nothing to make, and a copied model needs its own
            return eager_runner(model, self.steps, kind, data)
        return self._runners.runner(model, self.steps, kind, data)

    @property
    def step_count(self) -> int:
        """The number of training steps so far."""
        return 0 if self.steps is None else int(self.steps.count.numpy())

    def begin_epoch(self, number: int) -> None:
        """From here on samples draw what they draw in this epoch."""
        assert self.steps is not None
        self.steps.epoch.assign(number)

    def reset(self, model: Trainable) -> None:
        """Reset all metrics, also those in attributes of the model."""
        if self.steps is not None:
            self.steps.reset()
        for metric in own_metrics(model):
            metric.reset_state()

    def results(self, model: Trainable) -> dict[str, Tensor]:
        """Return the results of all metrics so far, also of those in the model's attributes."""
        assert self.steps is not None
        return results_of(model, self.steps)

    def logs(self, results: Outputs) -> Logs:
        """Return a program's results as Python floats (arrays for metrics of several numbers), loss
        first."""
        assert self.steps is not None and isinstance(results, dict)
        first = [name for name in self.steps.metrics if name in results]
        return {name: _plain(results[name]) for name in dict.fromkeys([*first, *results])}


def _plain(value: Outputs) -> float | Array:
    assert isinstance(value, np.ndarray)
    return float(value.item()) if value.size == 1 else np.array(value)
