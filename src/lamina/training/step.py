"""One step of training or evaluation, `state, batch -> state, logs`, as tensor code on Variables.

What runs here is recorded into a program, or with run_eagerly=True runs as it stands.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from lamina import operations as ops
from lamina import tree
from lamina.errors import ArgumentError
from lamina.metrics import Mean
from lamina.operations import random
from lamina.operations.reductions import as_number
from lamina.tensor import Tensor, Variable, as_tensor
from lamina.training.draws import drawing
from lamina.training.objectives import Objective
from lamina.transforms.gradients import value_and_grad

OF_SAMPLES = 0x53414D50 << 32  # sets the keys of epochs apart from those of steps
OF_EVALUATION = 0x45564C00 << 32


class Steps:
    """The state of a training beside weights and optimizer, and the steps that change it.

    objectives: one an output, or None while they are not known. `seed` and `count` give each step
    the key that its random layers draw from; `seed` and `epoch`, what is drawn for each sample.
    """

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self.objectives = list(objectives)
        self.tracker = Mean(name="loss")
        self.seed = Variable(np.zeros(2, np.uint32), trainable=False, name="seed")
        self.count = Variable(np.int32(0), trainable=False, name="step")
        self.epoch = Variable(np.int32(0), trainable=False, name="epoch")
        self.turn = Variable(np.int32(0), trainable=False, name="turn")

    def epoch_key(self) -> Tensor:
        """The key of what is drawn for samples by their numbers, another one in each epoch."""
        return random.fold_in(random.fold_in(self.seed.read(), OF_SAMPLES), self.epoch.read())

    def drawing(self, kind: str) -> AbstractContextManager[None]:
        """Where a step draws random numbers from: in training by seed and step, in evaluation by
        seed and batch."""
        if kind == "train":
            return drawing(self.seed.read, self.count)
        return drawing(lambda: random.fold_in(self.seed.read(), OF_EVALUATION), self.turn)

    def begin(self, seed: int, count: int = 0) -> None:
        """From here on random layers draw from this seed; the next step is number `count`."""
        self.seed.assign(random.key(seed))
        self.count.assign(count)

    # ---- metrics -------------------------------------------------------------------------------
    @property
    def metrics(self) -> dict[str, Any]:
        """Everything that is averaged, by the name it has in the logs; the loss comes first."""
        found: dict[str, Any] = {"loss": self.tracker}
        for each in self.objectives:
            if each.tracker is not None:
                found[each.tracker.name] = each.tracker
        for each in self.objectives:
            found.update({label: metric for label, metric, _ in each.metrics})
        return found

    def metric_variables(self) -> list[Variable]:
        return [v for metric in self.metrics.values() for v in metric.variables]

    def reset(self) -> None:
        self.turn.assign(0)
        for metric in self.metrics.values():
            metric.reset_state()

    def results(self) -> dict[str, Tensor]:
        """The logs so far; a metric of several figures has one entry each."""
        logs: dict[str, Tensor] = {}
        for name, metric in self.metrics.items():
            result = metric.result()
            if isinstance(result, dict):
                logs.update(result)
            else:
                logs[name] = as_tensor(result)
        return logs

    # ---- steps ---------------------------------------------------------------------------------
    def train(self, model: Any, x: Any, y: Any, weights: Any) -> Any:
        """Forward, backward, update, metrics. Returns the logs of the model's own
        `compute_metrics`, if it has one."""
        variables = model.trainable_weights
        if not variables:
            raise ArgumentError(
                f"{model._label()}: there is no trainable weight, so there is nothing to train",
                hint="are all layers frozen? Set layer.trainable = True",
            )

        def forward(_: Any) -> Any:
            outputs, loss, parts = self._forward(model, x, y, weights, training=True)
            return model.optimizer.scale_loss(loss), (outputs, loss, parts)

        with random.key_scope(random.fold_in(self.seed.read(), self.count.read())):
            (_, (outputs, loss, parts)), gradients = value_and_grad(forward, has_aux=True)(
                variables
            )
        model.optimizer.apply(gradients, variables)
        self.count.assign_add(1)
        return self._update(model, x, outputs, y, weights, loss, parts)

    def evaluate(self, model: Any, x: Any, y: Any, weights: Any) -> Any:
        """Forward, metrics; as `train`."""
        outputs, loss, parts = self._forward(model, x, y, weights, training=False)
        return self._update(model, x, outputs, y, weights, loss, parts)

    def _forward(self, model: Any, x: Any, y: Any, weights: Any, training: bool) -> Any:
        outputs = model(x, training=training)
        try:
            loss, parts = self._loss(model, x, y, outputs, weights, training)
        finally:
            model.reset_losses()
        return outputs, loss, parts

    def _loss(
        self, model: Any, x: Any, y: Any, outputs: Any, weights: Any, training: bool
    ) -> tuple[Tensor, list[Tensor | None]]:
        if has_own(model, "compute_loss"):
            given = {"x": x, "y": y, "y_pred": outputs, "sample_weight": weights}
            if takes(model.compute_loss, "training"):
                given["training"] = training
            return as_tensor(model.compute_loss(**given)), []
        return self.loss(model, y, outputs, weights)

    def loss(
        self, model: Any, y: Any, outputs: Any, weights: Any
    ) -> tuple[Tensor, list[Tensor | None]]:
        """The loss to minimise, penalties included, and the part of each output."""
        parts = self.parts(outputs, y, weights)
        total: Any = self.total(parts)
        for penalty in model.losses:
            total = penalty if total is None else total + as_tensor(penalty, total.dtype)
        if total is None:
            raise ArgumentError(
                "there is no loss to minimise",
                hint="give compile a loss, or call add_loss in a layer",
            )
        return total, parts

    def parts(self, outputs: Any, y: Any, weights: Any) -> list[Tensor | None]:
        """The loss of each output, before its weight."""
        each = zip(self.objectives, *self._aligned(outputs, y, weights), strict=True)
        return [
            row.loss(target, output, weight) if row.loss is not None else None
            for row, output, target, weight in each
        ]

    def total(self, parts: Sequence[Tensor | None]) -> Tensor | None:
        total: Any = None
        for row, part in zip(self.objectives, parts, strict=True):
            if part is not None:
                weighted: Any = part if row.weight == 1.0 else ops.multiply(part, row.weight)
                total = weighted if total is None else total + weighted
        return total

    def _update(
        self, model: Any, x: Any, outputs: Any, y: Any, weights: Any, loss: Tensor, parts: Any
    ) -> Any:
        """Take a batch into the metrics; the loss counts by its number of rows."""
        leaves = tree.leaves(outputs)
        rows = as_tensor(as_number(leaves[0].shape[0]))
        self.tracker.update_state(loss, rows)
        for row, part in zip(self.objectives, parts):
            if row.tracker is not None and part is not None:
                row.tracker.update_state(part, rows)
        if has_own(model, "compute_metrics"):
            return model.compute_metrics(x, y, outputs, weights)
        self.update_metrics(outputs, y, weights)
        return None

    def update_metrics(self, outputs: Any, y: Any, weights: Any) -> None:
        """Take a batch into the metrics of `compile`."""
        for row, output, target, weight in zip(
            self.objectives, *self._aligned(outputs, y, weights), strict=True
        ):
            for _, metric, weighted in row.metrics:
                metric.update_state(target, output, weight if weighted else None)

    def _aligned(self, outputs: Any, y: Any, weights: Any) -> tuple[list[Any], ...]:
        """Outputs, targets and weights, one of each an objective."""
        names = [row.name for row in self.objectives]
        return (
            tree.leaves(outputs),
            aligned(y, names, "y"),
            aligned(weights, names, "sample_weight", shared=True),
        )


def aligned(nest: Any, names: Sequence[str], what: str, shared: bool = False) -> list[Any]:
    """One entry an output: of a dict by their names, of a nest in order, of one value alone."""
    if isinstance(nest, dict) and set(nest) <= set(names):
        return [nest.get(name) for name in names]
    if isinstance(nest, (list, tuple)) and len(nest) == len(names) and any(v is None for v in nest):
        return list(nest)
    leaves = tree.leaves(nest)
    if not leaves or (shared and len(leaves) == 1):
        return [leaves[0] if leaves else None] * len(names)
    if len(leaves) != len(names):
        raise ArgumentError(
            f"{what}: {len(leaves)} arrays for {len(names)} outputs ({', '.join(names)})",
            hint="give one for each output, in order, or a dict by the outputs' names",
        )
    return leaves


def takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a function takes an argument of this name."""
    parameters = inspect.signature(function).parameters.values()
    return any(p.name == name or p.kind is p.VAR_KEYWORD for p in parameters)


def has_own(model: Any, method: str) -> bool:
    """Whether the model's class defines this method or property of Trainer anew."""
    found = getattr(type(model), method)
    return not getattr(getattr(found, "fget", found), "of_trainer", False)
