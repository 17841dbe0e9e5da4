"""`keras.distillation`: training a small model to answer as a large one does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lamina import losses, metrics, namespaces
from lamina import operations as ops
from lamina.configuration import plain, restored
from lamina.errors import ArgumentError, describe
from lamina.keras import tree
from lamina.models import Model
from lamina.models.trainee import graph_of
from lamina.tensor import as_tensor

__all__ = ["DistillationLoss", "Distiller", "FeatureDistillation", "LogitsDistillation"]

FINAL = "final_output"


class DistillationLoss:
    """The base class of losses between a teacher and a student: a subclass defines `compute_loss`.

    Example:
        >>> import lamina as lm
        >>> from lamina import keras
        >>> class Gap(keras.distillation.DistillationLoss):
        ...     def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        ...         return lm.mean(lm.abs(teacher_outputs - student_outputs))
    """

    teacher_layer_name: str | None = None
    student_layer_name: str | None = None

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """Return the loss, a scalar.

        Args:
            teacher_outputs: outputs of the teacher, or of one of its layers.
            student_outputs: outputs of the student, or of one of its layers.
            **kwargs: none; for subclasses.
        """
        raise NotImplementedError(f"{type(self).__name__} must define compute_loss")

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Raise ArgumentError if the outputs are nests of different structures.

        Args:
            teacher_outputs: outputs of the teacher.
            student_outputs: outputs of the student.
        """
        tree.assert_same_structure(teacher_outputs, student_outputs)

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Raise ArgumentError if the loss cannot be computed for these models.

        Args:
            teacher: model that is imitated.
            student: model that is trained.
        """


class _OfEachOutput(DistillationLoss):
    """A loss for each output of a nest; None leaves an output out."""

    def __init__(self, loss: Any) -> None:
        self.loss = tree.map_structure(losses.get, loss)
        if all(each is None for each in tree.flatten(self.loss)):
            raise ArgumentError(f"{type(self).__name__}: expected at least one loss, got none")

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        super().validate_outputs(teacher_outputs, student_outputs)
        tree.assert_same_structure(self.loss, teacher_outputs)

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        each = tree.map_structure(self._of_output, self.loss, teacher_outputs, student_outputs)
        total = as_tensor(0.0)
        for value in tree.flatten(each):
            total = total + value
        return total

    def _of_output(self, loss: Any, teacher: Any, student: Any) -> Any:
        return 0.0 if loss is None else ops.mean(loss(teacher, student))


class FeatureDistillation(_OfEachOutput):
    """The loss between what a layer of the teacher and a layer of the student return.

    Args:
        loss: name of a loss, Loss, or nest of them like the outputs of the layers.
        teacher_layer_name: name of the teacher's layer; None takes its outputs.
        student_layer_name: name of the student's layer; None takes its outputs.

    Raises:
        ArgumentError: without a loss.

    Example:
        >>> from lamina import keras
        >>> loss = keras.distillation.FeatureDistillation("mse", "dense_1", "dense")

    Source: Romero et al. (2015), FitNets: hints for thin deep nets.
    """

    def __init__(
        self,
        loss: Any = "mse",
        teacher_layer_name: str | None = None,
        student_layer_name: str | None = None,
    ) -> None:
        super().__init__(loss)
        self.teacher_layer_name = teacher_layer_name
        self.student_layer_name = student_layer_name

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        pairs = ((teacher, self.teacher_layer_name), (student, self.student_layer_name))
        for model, name in pairs:
            if name is None:
                continue
            if graph_of(model) is None:
                raise ArgumentError(
                    f"FeatureDistillation: {model!r} is subclassed, and its layers have no outputs "
                    "by name (expected a functional or Sequential model)",
                    hint="leave the names of layers out, to compare the outputs of the models",
                )
            model.get_layer(name)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of an equal loss."""
        return {
            "loss": plain(self.loss),
            "teacher_layer_name": self.teacher_layer_name,
            "student_layer_name": self.student_layer_name,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> FeatureDistillation:
        """Return the loss that `get_config` described.

        Args:
            config: dictionary that `get_config` returned.
        """
        return cls(**{name: restored(value) for name, value in config.items()})


class LogitsDistillation(_OfEachOutput):
    """The loss between the softened probabilities of teacher and student.

        temperature^2 loss(softmax(teacher / temperature), softmax(student / temperature))

    Args:
        temperature: positive number; larger ones make the probabilities more equal.
        loss: name of a loss, Loss, or nest of them like the outputs of the models.

    Raises:
        ArgumentError: without a loss, or for a temperature that is not positive.

    Example:
        >>> import lamina as lm
        >>> from lamina import keras
        >>> loss = keras.distillation.LogitsDistillation(temperature=2.0)
        >>> float(loss.compute_loss(lm.asarray([[1.0, 2.0]]), lm.asarray([[1.0, 2.0]])))
        0.0

    Source: Hinton et al. (2015), Distilling the knowledge in a neural network.
    """

    def __init__(self, temperature: float = 3.0, loss: Any = "kl_divergence") -> None:
        super().__init__(loss)
        is_number = isinstance(temperature, (int, float)) and not isinstance(temperature, bool)
        if not is_number or temperature <= 0:
            raise ArgumentError(
                f"LogitsDistillation: temperature must be a positive number, got {temperature!r}"
            )
        self.temperature = temperature

    def _of_output(self, loss: Any, teacher: Any, student: Any) -> Any:
        if loss is None:
            return 0.0
        soft = (ops.softmax(as_tensor(x) / self.temperature) for x in (teacher, student))
        return ops.mean(loss(*soft)) * self.temperature**2

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of an equal loss."""
        return {"temperature": self.temperature, "loss": plain(self.loss)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> LogitsDistillation:
        """Return the loss that `get_config` described.

        Args:
            config: dictionary that `get_config` returned.
        """
        return cls(**{name: restored(value) for name, value in config.items()})


class Distiller(Model):
    """A model that trains a student by targets and by what a teacher answers.

        w loss(y, student(x)) + (1 - w) sum(weight_k distillation_loss_k(teacher(x), student(x)))

    Args:
        teacher: trained model, which is frozen.
        student: model to train; calls of the Distiller are calls of the student.
        distillation_losses: DistillationLoss, or a list of them.
        distillation_loss_weights: factor of each; None is 1 for all.
        student_loss_weight: factor w of the loss of the targets, from 0 to 1.
        name: name of the model.
        **kwargs: further arguments of Model.

    Raises:
        ArgumentError: if the models differ in the shapes of inputs or outputs, or a layer that a
            loss names is missing.

    Example:
        >>> import lamina as lm
        >>> from lamina import keras
        >>> teacher, student = (
        ...     lm.Sequential([lm.Input((3,)), lm.layers.Dense(n), lm.layers.Dense(2)])
        ...     for n in (16, 2)
        ... )
        >>> losses = [keras.distillation.LogitsDistillation()]
        >>> distiller = keras.distillation.Distiller(teacher, student, losses)
        >>> distiller.compile("adam", "mse")
        >>> history = distiller.fit(lm.ones((4, 3)), lm.zeros((4, 2)), verbose=0)
    """

    def __init__(
        self,
        teacher: Any,
        student: Any,
        distillation_losses: DistillationLoss | Sequence[DistillationLoss],
        distillation_loss_weights: Sequence[float] | None = None,
        student_loss_weight: float = 0.5,
        name: str | None = "distiller",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        for role, model in (("teacher", teacher), ("student", student)):
            if not isinstance(model, Model):
                raise ArgumentError(f"Distiller: expected a model as {role}, got {describe(model)}")
        is_number = isinstance(student_loss_weight, (int, float))
        if not is_number or not 0.0 <= student_loss_weight <= 1.0:
            raise ArgumentError(
                "Distiller: student_loss_weight must be a number between 0.0 and 1.0, got "
                f"{student_loss_weight!r}"
            )
        if distillation_losses is None:
            raise ArgumentError("Distiller: expected distillation losses, got None")
        if isinstance(distillation_losses, DistillationLoss):
            distillation_losses, distillation_loss_weights = [distillation_losses], None
        found = list(distillation_losses)
        weights = list(distillation_loss_weights or [1.0] * len(found))
        if len(weights) != len(found):
            raise ArgumentError(
                f"Distiller: {len(weights)} weights for {len(found)} distillation losses"
            )
        _need_alike(teacher, student)
        for each in found:
            each.validate_model_compatibility(teacher, student)
        self.teacher, self.student = teacher, student
        self.distillation_losses, self.distillation_loss_weights = found, weights
        self.student_loss_weight = student_loss_weight
        teacher.trainable = False
        self._features = {
            role: _features(model, [getattr(each, f"{role}_layer_name") for each in found])
            for role, model in (("teacher", teacher), ("student", student))
        }
        self.student_loss_tracker = metrics.Mean(name="student_loss")
        self.distillation_loss_tracker = metrics.Mean(name="distillation_loss")
        self.total_loss_tracker = metrics.Mean(name="total_loss")

    def compile(  # type: ignore[override]
        self, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, **kwargs: Any
    ) -> None:
        """Set the optimizer of the student, the loss of the targets, and metrics.

        Args:
            optimizer: name or Optimizer.
            loss: name, Loss or function of (y_true, y_pred), or a nest of them.
            metrics: list of names, Metrics or functions.
            **kwargs: further arguments of `Model.compile`.

        Raises:
            ArgumentError: without a loss.
        """
        if loss is None:
            raise ArgumentError("Distiller: compile needs the loss of the targets, got None")
        if metrics is not None and not isinstance(metrics, (list, tuple)):
            raise ArgumentError(f"Distiller: expected a list of metrics, got {describe(metrics)}")
        self._student_loss = tree.map_structure(losses.get, loss)
        super().compile(optimizer=optimizer, loss=None, metrics=metrics, **kwargs)

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """Return the outputs of the student."""
        return self.student(inputs, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the loss of the targets and those of distillation, by their weights."""
        y_pred = self(x, training=training) if y_pred is None else y_pred
        own = self._of_targets(y, y_pred)
        distilled = self._of_teacher(x, y_pred)
        total = self.student_loss_weight * own + (1.0 - self.student_loss_weight) * distilled
        self.student_loss_tracker.update_state(own)
        self.distillation_loss_tracker.update_state(distilled)
        self.total_loss_tracker.update_state(total)
        return total

    def _of_targets(self, y: Any, y_pred: Any) -> Any:
        total = as_tensor(0.0)
        if self.student_loss_weight > 0 and y is not None:
            each = tree.map_structure(
                lambda loss, a, b: ops.mean(loss(a, b)), self._student_loss, y, y_pred
            )
            for value in tree.flatten(each):
                total = total + value
        return total

    def _of_teacher(self, x: Any, y_pred: Any) -> Any:
        total = as_tensor(0.0)
        if self.student_loss_weight >= 1:
            return total
        taught = self._answers("teacher", x, lambda: self.teacher(x, training=False), False)
        learned = self._answers("student", x, lambda: y_pred, True)
        for loss, weight in zip(
            self.distillation_losses, self.distillation_loss_weights, strict=True
        ):
            names = loss.teacher_layer_name or FINAL, loss.student_layer_name or FINAL
            pair = taught[names[0]], learned[names[1]]
            loss.validate_outputs(*pair)
            total = total + weight * loss.compute_loss(*pair)
        return total

    def _answers(self, role: str, x: Any, outputs: Any, training: bool) -> Any:
        extractor = self._features[role]
        return {FINAL: outputs()} if extractor is None else extractor(x, training=training)


def _need_alike(teacher: Any, student: Any) -> None:
    """Raise ArgumentError if the inputs or outputs of functional models have other shapes."""
    for what in ("inputs", "outputs"):
        if graph_of(teacher) is None or graph_of(student) is None:
            return
        ours, theirs = getattr(teacher, what), getattr(student, what)
        shapes = [[tuple(t.shape) for t in each] for each in (ours, theirs)]
        fits = len(ours) == len(theirs) and all(
            len(a) == len(b) and all(m == n or not (isinstance(m, int) and isinstance(n, int))
                                     for m, n in zip(a, b, strict=True))
            for a, b in zip(*shapes, strict=True)
        )  # fmt: skip
        if not fits or any(a.dtype != b.dtype for a, b in zip(ours, theirs, strict=True)):
            raise ArgumentError(
                f"Distiller: the {what} of teacher and student differ ({ours} and {theirs})"
            )


def _features(model: Any, names: Sequence[str | None]) -> Any:
    """Return a model of the outputs of layers by name, and of the model; None without names."""
    wanted = [name for name in dict.fromkeys(names) if name is not None]
    if not wanted:
        return None
    outputs = {name: model.get_layer(name).output for name in wanted}
    return Model(model.inputs, {FINAL: model.output, **outputs})


namespaces.declare(__name__)
