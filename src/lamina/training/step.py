"""One step of training or evaluation, `state, batch -> state, logs`, as tensor code on Variables.

Code here is recorded into a program, or with run_eagerly=True runs directly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TypeAlias, cast

import numpy as np

from lamina import operations as ops
from lamina import tree
from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError
from lamina.metrics import Mean, Metric
from lamina.operations import random_keys
from lamina.operations.reductions import as_number
from lamina.tensor import Tensor, as_tensor
from lamina.training.draws import drawing
from lamina.training.joint_losses import Joint
from lamina.training.objectives import Objective
from lamina.training.outputs import aligned
from lamina.training.protocol import Kind, Nest, Trainable
from lamina.transforms.gradients import value_and_grad
from lamina.variables import Variable

OF_SAMPLES = 0x53414D50 << 32  # makes the keys of epochs differ from those of steps
OF_EVALUATION = 0x45564C00 << 32

_Aligned: TypeAlias = tuple[list[Tensor], list[ArrayLike], list[ArrayLike | None]]
Parts: TypeAlias = list[Tensor | None]  # the loss of each output, before its weight


class Steps:
    """The state of a training besides weights and optimizer, and the steps that change it.

    objectives: one an output, or None while they are not known. `seed` and `count` give each step
    the key that its random layers draw from; `seed` and `epoch`, what is drawn for each sample.
    joint: losses of a nest of outputs with this `structure`, in place of those of the objectives.
    """

    def __init__(
        self,
        objectives: Sequence[Objective],
        joint: Sequence[Joint] = (),
        structure: object = tree.LEAF,
    ) -> None:
        self.objectives, self.joint = list(objectives), list(joint)
        self.structure = structure
        self.tracker = Mean(name="loss")
        self.seed = Variable(np.zeros(2, np.uint32), trainable=False, name="seed")
        self.count = Variable(np.int32(0), trainable=False, name="step")
        self.epoch = Variable(np.int32(0), trainable=False, name="epoch")
        self.draw_count = Variable(np.int32(0), trainable=False, name="draw_count")

    def epoch_key(self) -> Tensor:
        """The key of what is drawn for samples by their numbers, another one in each epoch."""
        return random_keys.fold_in(
            random_keys.fold_in(self.seed.read(), OF_SAMPLES), self.epoch.read()
        )

    def drawing(self, kind: Kind) -> AbstractContextManager[None]:
        """The source of random numbers of a step: in training by seed and step, in evaluation by
        seed and batch."""
        if kind == "train":
            return drawing(self.seed.read, self.count)
        return drawing(
            lambda: random_keys.fold_in(self.seed.read(), OF_EVALUATION), self.draw_count
        )

    def begin(self, seed: int, count: int = 0) -> None:
        """From here on random layers draw from this seed; the next step is number `count`."""
        self.seed.assign(random_keys.key(seed))
        self.count.assign(count)

    # ---- metrics -------------------------------------------------------------------------------
    @property
    def metrics(self) -> dict[str, Metric]:
        """Everything that is averaged, by the name it has in the logs; the loss comes first."""
        found: dict[str, Metric] = {"loss": self.tracker}
        for each in self.terms:
            if each.tracker is not None:
                found[each.tracker.name] = each.tracker
        for row in self.objectives:
            found.update({label: metric for label, metric, _ in row.metrics})
        return found

    @property
    def needed(self) -> list[bool]:
        """Whether each output needs targets for a loss."""
        return [row.loss is not None or bool(self.joint) for row in self.objectives]

    @property
    def terms(self) -> Sequence[Objective | Joint]:
        """The terms whose weighted sum is the loss."""
        return [*self.objectives, *self.joint]

    @property
    def variables(self) -> dict[str, Variable]:
        """The state besides metrics, by name."""
        own = (self.seed, self.count, self.epoch, self.draw_count)
        return {variable.name: variable for variable in own}

    def metric_variables(self) -> list[Variable]:
        return [v for metric in self.metrics.values() for v in metric.variables]

    def reset(self) -> None:
        self.draw_count.assign(0)
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
    def run(
        self, kind: Kind, model: Trainable, x: Nest, y: Nest, weights: Nest
    ) -> Mapping[str, object] | None:
        """Make one step. Return the logs of the model's own `compute_metrics`, if it has one."""
        step = self.train if kind == "train" else self.evaluate
        return step(model, x, y, weights)

    def train(
        self, model: Trainable, x: Nest, y: Nest, weights: Nest
    ) -> Mapping[str, object] | None:
        """Forward, backward, update, metrics; returns as `run`."""
        variables = model.trainable_weights
        if not variables:
            return self._without_weights(model, x, y, weights)

        def forward(_: Sequence[Variable]) -> tuple[Tensor, tuple[Nest, Tensor, Parts]]:
            outputs, loss, parts = self._forward(model, x, y, weights, training=True)
            return model.optimizer.scale_loss(loss), (outputs, loss, parts)

        with random_keys.key_scope(random_keys.fold_in(self.seed.read(), self.count.read())):
            (_, (outputs, loss, parts)), gradients = value_and_grad(forward, has_aux=True)(
                variables
            )
        model.optimizer.apply(gradients, variables)
        self.count.assign_add(1)
        return self._update(model, x, outputs, y, weights, loss, parts)

    def _without_weights(
        self, model: Trainable, x: Nest, y: Nest, weights: Nest
    ) -> Mapping[str, object] | None:
        """The loss and the metrics of a model without weights to train; returns as `run`."""
        if any(variable.trainable for variable in model.non_trainable_weights):
            raise ArgumentError(
                f"{model.label}: no weight is trainable, so there is nothing to train",
                hint="are all layers frozen? Set layer.trainable = True",
            )
        with random_keys.key_scope(random_keys.fold_in(self.seed.read(), self.count.read())):
            outputs, loss, parts = self._forward(model, x, y, weights, training=True)
        self.count.assign_add(1)
        return self._update(model, x, outputs, y, weights, loss, parts)

    def evaluate(
        self, model: Trainable, x: Nest, y: Nest, weights: Nest
    ) -> Mapping[str, object] | None:
        """Forward, metrics; returns as `run`."""
        outputs, loss, parts = self._forward(model, x, y, weights, training=False)
        return self._update(model, x, outputs, y, weights, loss, parts)

    def _forward(
        self, model: Trainable, x: Nest, y: Nest, weights: Nest, training: bool
    ) -> tuple[Nest, Tensor, Parts]:
        outputs = model.forward(x, training=training)
        try:
            if model.overrides("compute_loss"):
                loss, parts = model.compute_loss(x, y, outputs, weights, training), Parts()
            else:
                loss, parts = self.loss(model, y, outputs, weights)
        finally:
            model.forget_penalties()
        return outputs, loss, parts

    def loss(self, model: Trainable, y: Nest, outputs: Nest, weights: Nest) -> tuple[Tensor, Parts]:
        """The loss to minimize, penalties included, and the part of each output."""
        parts = self.parts(outputs, y, weights)
        total = self.total(parts)
        for penalty in model.penalties:
            total = penalty if total is None else total + as_tensor(penalty, total.dtype)
        if total is None:
            raise ArgumentError(
                "no loss to minimize",
                hint="give compile a loss, or call add_loss in a layer",
            )
        return total, parts

    def parts(self, outputs: Nest, y: Nest, weights: Nest) -> Parts:
        """The loss of each term, before its weight."""
        aligned_ = self._aligned(outputs, y, weights)
        found: Parts = [
            row.loss(target, output, weight) if row.loss is not None else None
            for row, output, target, weight in zip(self.objectives, *aligned_, strict=True)
        ]
        if self.joint:
            predictions, targets, rows = (
                tree.unflatten(self.structure, leaves) for leaves in aligned_
            )
            given = tree.leaves(weights)
            rows = rows if len(given) > 1 else given[0] if given else None
            found += [each.value(targets, predictions, rows) for each in self.joint]
        return found

    def total(self, parts: Sequence[Tensor | None]) -> Tensor | None:
        total: Tensor | None = None
        for row, part in zip(self.terms, parts, strict=True):
            if part is not None:
                weighted = part if row.weight == 1.0 else ops.multiply(part, row.weight)
                total = weighted if total is None else total + weighted
        return total

    def _update(
        self,
        model: Trainable,
        x: Nest,
        outputs: Nest,
        y: Nest,
        weights: Nest,
        loss: Tensor,
        parts: Parts,
    ) -> Mapping[str, object] | None:
        """Take a batch into the metrics; the loss counts by its number of rows."""
        leaves = tree.leaves(outputs)
        rows = as_tensor(as_number(leaves[0].shape[0]))
        self.tracker.update_state(loss, rows)
        for row, part in zip(self.terms, parts):
            if row.tracker is not None and part is not None:
                row.tracker.update_state(part, rows)
        if model.overrides("compute_metrics"):
            return model.compute_metrics(x, y, outputs, weights)
        self.update_metrics(outputs, y, weights)
        return None

    def update_metrics(self, outputs: Nest, y: Nest, weights: Nest) -> None:
        """Take a batch into the metrics of `compile`."""
        for row, output, target, weight in zip(
            self.objectives, *self._aligned(outputs, y, weights), strict=True
        ):
            for _, metric, weighted in row.metrics:
                metric.update_state(target, output, weight if weighted else None)

    def _aligned(self, outputs: Nest, y: Nest, weights: Nest) -> _Aligned:
        """Outputs, targets and weights, one of each an objective."""
        names = [row.name for row in self.objectives]
        targets = cast(list[ArrayLike], aligned(y, names, "y", needed=self.needed))
        rows = cast(list[ArrayLike | None], aligned(weights, names, "sample_weight", shared=True))
        return tree.leaves(outputs), targets, rows
