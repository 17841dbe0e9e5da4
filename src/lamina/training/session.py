"""A compiled model's training: its objectives, state, and the programs that were made for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lamina import tree
from lamina.layers import symbolic
from lamina.metrics import Metric
from lamina.settings import settings
from lamina.tensor import Tensor, Variable, as_tensor
from lamina.training import checks
from lamina.training.columns import Columns
from lamina.training.objectives import Compilation, Output, objectives
from lamina.training.programs import loop_program
from lamina.training.step import Steps, aligned, has_own

Runner = Callable[..., dict[str, Any]]
STEPS = {"train": "train_step", "evaluate": "test_step"}  # what a model may define anew


class Session:
    """Made by `compile`, completed by the first data."""

    def __init__(self, compilation: Compilation) -> None:
        self.compilation = compilation
        self.steps: Steps | None = None
        self.first_step = (0, 0)  # seed and number, for steps that are yet to come
        self._programs: dict[Any, Runner] = {}

    # ---- before the first step -----------------------------------------------------------------
    def prepare(self, model: Any, columns: Columns, what: str) -> Steps:
        """Build the model, resolve objectives, check data against them. Raises before anything is
        computed."""
        build_for(model, columns)
        outputs = self._outputs(model, columns)
        if self.steps is None:
            self.steps = Steps(objectives(self.compilation, outputs))
            self.steps.begin(*self.first_step)
        checks.check_targets(model, self.steps, columns, [o.shape for o in outputs], what)
        self.compilation.optimizer.build(model.trainable_weights)
        return self.steps

    def _outputs(self, model: Any, columns: Columns) -> list[Output]:
        shapes, names = output_shapes(model, columns)
        y = tree.unflatten(columns.target_structure, columns.targets)
        targets = aligned(y, names, "y") if columns.targets else [None] * len(names)
        return [
            Output(name, shape, None if target is None else target.shape)
            for name, shape, target in zip(names, shapes, targets, strict=True)
        ]

    def logs(self, results: dict[str, Any]) -> dict[str, Any]:
        """A program's results as Python floats (arrays where a metric has several), loss first."""
        assert self.steps is not None
        first = [name for name in self.steps.metrics if name in results]
        return {name: plain(results[name]) for name in dict.fromkeys([*first, *results])}

    # ---- programs ------------------------------------------------------------------------------
    def runner(self, model: Any, kind: str, columns: Columns) -> Runner:
        """The program "train" or "evaluate" for such columns, or with run_eagerly a function of the
        same arguments: (order, *arrays) -> logs."""
        key = (kind, columns.kind, self._state_key(model), settings.engine)
        found = self._programs.get(key)
        if found is None:
            found = self._programs[key] = self._make(model, kind, columns)
        return found

    def _state_key(self, model: Any) -> Any:
        """What is frozen is part of a program: another choice is another program."""
        return tuple(layer.trainable for layer in model._flatten_layers())

    def _make(self, model: Any, kind: str, columns: Columns) -> Runner:
        steps = self.steps
        assert steps is not None
        own = has_own(model, STEPS[kind])
        step = self._step(model, steps, kind, columns, own)
        results = dict if own else steps.results
        if self.compilation.run_eagerly:
            return eager(step, results)
        carried = self._carried(model, steps, kind)
        made = [k for k in self._programs if k[0] == kind]
        why = "first call" if not made else "other element types, shapes of a row, or frozen layers"
        return loop_program(step, results, carried, columns.types, f"{kind} {model.name}", why)

    def _step(self, model: Any, steps: Steps, kind: str, columns: Columns, own: bool) -> Any:
        """One step on the leaves of a batch; the model's own method where it has one."""

        def of_model(leaves: Sequence[Tensor]) -> Any:
            logs = getattr(model, STEPS[kind])(columns.assembled(leaves)) or {}
            return {name: as_tensor(value) for name, value in logs.items()}

        def usual(leaves: Sequence[Tensor]) -> None:
            getattr(steps, kind)(model, *columns.assembled(leaves))

        return of_model if own else usual

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


def own_metrics(model: Any) -> list[Metric]:
    """The metrics that a model's class made for steps of its own."""
    held = [value for value in vars(model).values() if isinstance(value, Metric)]
    listed = model.metrics if has_own(model, "metrics") else []
    return list({id(m): m for m in [*held, *listed]}.values())


def eager(step: Any, results: Callable[[], Mapping[str, Any]]) -> Runner:
    """The loop of a program, run as Python code, batch by batch."""

    def run(order: np.ndarray, *arrays: np.ndarray) -> dict[str, Any]:
        extra: Any = {}
        for picked in order:
            extra = step([as_tensor(a[picked]) for a in arrays]) or {}
        return {name: np.asarray(v) for name, v in {**results(), **extra}.items()}

    return run


def plain(value: Any) -> Any:
    return float(value) if value.size == 1 else np.array(value)


# ---- the model's side --------------------------------------------------------------------------
def build_for(model: Any, columns: Columns) -> None:
    """Make the weights, if they are not there, for data like these."""
    if not model.built:
        model.build_for(tree.unflatten(columns.input_structure, columns.inputs))


def output_shapes(model: Any, columns: Columns) -> tuple[list[Any], list[str]]:
    """The shape of each output, None for the batch, and what each is called."""
    nest = model._output_shape
    if nest is None:
        shapes = [(None, *a.shape[1:]) for a in columns.inputs]
        nest = model.compute_output_shape(tree.unflatten(columns.input_structure, shapes))
    return shapes_and_names(model, nest)


def shapes_and_names(model: Any, nest: Any) -> tuple[list[Any], list[str]]:
    found: list[Any] = []
    symbolic.map_shapes(found.append, nest)
    if isinstance(nest, dict):
        keys = sorted(nest, key=str)
        return [nest[key] for key in keys], [str(key) for key in keys]
    return found, _names(model, len(found))


def _names(model: Any, count: int) -> list[str]:
    """Outputs are called as the layers they come from; numbered where that is not known."""
    layers = checks.output_layers(model)
    names = [layer.name for layer in layers] if len(layers) == count else []
    if len(set(names)) == count:
        return names
    return [f"output_{k}" for k in range(count)] if count > 1 else ["output"]
