"""A compiled model's training: its objectives, state, and the programs that were made for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lamina import optimizers, tree
from lamina.ir.types import TensorType
from lamina.locks import MAKING
from lamina.operations import samples
from lamina.settings import settings
from lamina.tensor import Tensor, Variable, as_tensor, bound
from lamina.training import checks
from lamina.training.columns import Columns, packed
from lamina.training.kept import Kept
from lamina.training.objectives import Compilation, Output, objectives
from lamina.training.openness import Programs
from lamina.training.outputs import build_for, output_shapes
from lamina.training.own_metrics import own_metrics, reported_metrics, results
from lamina.training.programs import Program, loop_program
from lamina.training.step import Steps, aligned, has_own
from lamina.training.vocabularies import Vocabularies

STEPS = {"train": "train_step", "evaluate": "test_step"}  # what a model may define anew


class Session:
    """Made by `compile`, completed by the first data."""

    def __init__(self, compilation: Compilation) -> None:
        self.compilation = compilation
        self.steps: Steps | None = None
        self.first_step = (0, 0)  # seed and number, for steps that are yet to come
        self._programs: Programs[Runner] = Programs()
        self.paces: dict[Any, int] = {}  # steps that native code is to do at a time, by data
        self._vocabularies = Vocabularies()
        self._shapes: dict[Any, tuple[list[Any], list[str]]] = {}  # of outputs, by those of data

    def set_optimizer(self, optimizer: Any) -> None:
        """Another optimizer from here on; programs of the one before are dropped."""
        self.compilation.optimizer = optimizers.get(optimizer)
        self._programs = Programs()

    # ---- before the first step -----------------------------------------------------------------
    def prepare(self, model: Any, columns: Columns, what: str, first: int = 0) -> Steps:
        """Build the model, resolve objectives, check data against them. Raises before anything is
        computed. `first` is the number of the first row in the data set."""
        with MAKING:
            return self._prepared(model, columns, what, first)

    def _prepared(self, model: Any, columns: Columns, what: str, first: int) -> Steps:
        if not model._has_call():
            return self._without_outputs(model)
        build_for(model, columns)
        checks.check_inputs(model, columns, first)
        self._vocabularies.check(model, columns, first)
        if any(layer.needs_samples for layer in model._flatten_layers()):
            columns.number_rows(first)
        outputs = self._outputs(model, columns)
        if self.steps is None:
            self.steps = Steps(objectives(self.compilation, outputs))
            self.steps.begin(*self.first_step)
        checks.check_targets(model, self.steps, columns, [o.shape for o in outputs], what)
        self.compilation.optimizer.build(model.trainable_weights)
        return self.steps

    def _without_outputs(self, model: Any) -> Steps:
        """The state of a model without `call`, whose steps are its own: nothing is known of outputs
        before they run."""
        if not any(has_own(model, step) for step in STEPS.values()):
            model.call(None)  # raises the error that says what to define
        if not model.built:
            model._set_built(None)
        if self.steps is None:
            chosen = self.compilation
            of_any_shape = [Output("output", (None, None), None)]
            wanted = [chosen.loss, chosen.metrics, chosen.weighted_metrics]
            self.steps = Steps(objectives(chosen, of_any_shape if any(wanted) else []))
            self.steps.begin(*self.first_step)
        return self.steps

    def begin_epoch(self, number: int) -> None:
        """From here on samples draw what they draw in this epoch."""
        assert self.steps is not None
        self.steps.epoch.assign(number)

    def _outputs(self, model: Any, columns: Columns) -> list[Output]:
        key = (model._graph, columns.kind)
        if key not in self._shapes:
            self._shapes[key] = output_shapes(model, columns)
        shapes, names = self._shapes[key]
        y = tree.unflatten(columns.target_structure, columns.targets)
        targets = aligned(y, names, "y") if columns.targets else [None] * len(names)
        return [
            Output(name, shape, None if target is None else target.shape)
            for name, shape, target in zip(names, shapes, targets, strict=True)
        ]

    def results(self, model: Any) -> dict[str, Tensor]:
        """The results of all metrics so far, of those that the model's attributes hold as well."""
        assert self.steps is not None
        compiled = self.steps.results()
        each = {id(metric) for metric in self.steps.metrics.values()}
        own = [metric for metric in reported_metrics(model) if id(metric) not in each]
        return {**compiled, **results(own, compiled)}

    def logs(self, results: dict[str, Any]) -> dict[str, Any]:
        """A program's results as Python floats (arrays where a metric has several), loss first."""
        assert self.steps is not None
        first = [name for name in self.steps.metrics if name in results]
        return {name: plain(results[name]) for name in dict.fromkeys([*first, *results])}

    # ---- programs ------------------------------------------------------------------------------
    def runner(self, model: Any, kind: str, columns: Columns) -> Runner:
        """The program "train" or "evaluate" for such columns, or with run_eagerly a function of the
        same arguments: (order, *arrays) -> logs."""
        if self.compilation.run_eagerly:  # costs nothing to make, and a copied model needs its own
            return self._eager(model, kind, columns)
        key = (kind, self._state_key(model), settings.engine)

        def make(types_: list[TensorType], reason: str) -> Runner:
            return self._make(model, kind, columns, types_, reason)

        return self._programs.find(key, model, columns, make)

    def _state_key(self, model: Any) -> Any:
        """What is frozen is part of a program: another choice is another program."""
        return tuple(layer.trainable for layer in model._flatten_layers())

    def _make(
        self, model: Any, kind: str, columns: Columns, types_: list[TensorType], reason: str
    ) -> Runner:
        steps = self.steps
        assert steps is not None
        step, results = self._step(model, steps, kind, columns)
        carried = self._carried(model, steps, kind)
        return loop_program(step, results, carried, types_, f"{kind} {model.name}", reason)

    def _eager(self, model: Any, kind: str, columns: Columns) -> Runner:
        assert self.steps is not None
        return EagerLoop(*self._step(model, self.steps, kind, columns))

    def _step(self, model: Any, steps: Steps, kind: str, columns: Columns) -> tuple[Any, Any]:
        """One step on the leaves of a batch, the model's own method where it has one; and the logs
        of all steps together."""
        own = has_own(model, STEPS[kind]) or has_own(model, "compute_metrics")

        def of_model(leaves: Sequence[Tensor]) -> Any:
            with steps.drawing(kind):
                data = packed(*columns.assembled(leaves))
                logs = getattr(model, STEPS[kind])(data) or {}
            return {name: as_tensor(value) for name, value in logs.items()}

        def usual(leaves: Sequence[Tensor]) -> None:
            with steps.drawing(kind):
                getattr(steps, kind)(model, *columns.assembled(leaves))

        step = self._told_of_samples(of_model if own else usual, columns)
        return step, dict if own else lambda: self.results(model)

    def _told_of_samples(self, step: Any, columns: Columns) -> Any:
        """The step, whose layers can ask which samples the batch holds."""
        steps = self.steps
        if columns.numbers is None or steps is None:
            return step

        def told(leaves: Sequence[Tensor]) -> Any:
            with samples.numbered(steps.epoch_key, leaves[-1]):
                return step(leaves)

        return told

    def _carried(self, model: Any, steps: Steps, kind: str) -> list[Variable]:
        """The Variables that a step changes, as far as is known before it is recorded."""
        state = [v for metric in own_metrics(model) for v in metric.variables]
        state += steps.metric_variables()
        if kind == "train":
            moving = [v for v in model.non_trainable_weights if not v.trainable]
            optimizer = self.compilation.optimizer.variables
            state = [*model.trainable_weights, *moving, *optimizer, *state, steps.count]
        return state

    def reset(self, model: Any) -> None:
        """Forget what all metrics have seen, those that hang on the model among them."""
        if self.steps is not None:
            self.steps.reset()
        for metric in own_metrics(model):
            metric.reset_state()


class EagerLoop:
    """The loop of a program, run as Python code, batch by batch."""

    def __init__(self, step: Any, results: Callable[[], Mapping[str, Any]]) -> None:
        self.step, self.results = step, results

    def __call__(self, order: np.ndarray, *arrays: np.ndarray) -> dict[str, Any]:
        extra: Any = {}
        for picked in order:
            extra = self.step([as_tensor(a[picked]) for a in arrays]) or {}
        return {name: np.asarray(v) for name, v in {**self.results(), **extra}.items()}

    def keeping(self, kept: Kept) -> EagerLoop:
        """The same loop, which has `kept` note state before it changes."""

        def noting(leaves: Any) -> Any:
            with bound({}, propagate=False) as trace:
                extra = self.step(leaves)
            assigned = trace.assigned()
            kept.keep(assigned)
            for variable, value in assigned.items():
                variable.assign(value)
            return extra

        return EagerLoop(noting, self.results)


Runner = Program | EagerLoop


def plain(value: Any) -> Any:
    return float(value.item()) if value.size == 1 else np.array(value)
