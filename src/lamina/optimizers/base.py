"""The base of optimizers: learning rate, clipping, weight decay, accumulation, averages.

An update rule is one class in the file of its family. It says which arrays it keeps for a variable
(`slots`), which numbers it needs once a step (`scalars`), and the equation (`update`):

    update(x, g, slots, *scalars) -> the variable's next value, the slots' next values

All of it is tensor code on Variables, so that within a trace the whole step is one program: nothing
here depends on a value.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from lamina import operations as ops
from lamina.configuration import Configurable, plain
from lamina.errors import (
    ArgumentError,
    ShapeError,
    StateError,
    unknown_argument,
    warn,
)
from lamina.ir import types
from lamina.locks import MAKING
from lamina.operations.promote import widened
from lamina.optimizers.clipping import clipped
from lamina.optimizers.options import OPTIONS, Options, Rate, Slots, check_options
from lamina.optimizers.own_rules import OwnRules
from lamina.optimizers.rates import older_rate, rate_of, shortest
from lamina.optimizers.terms import zeros_like
from lamina.schedules import LearningRateSchedule
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable


class Optimizer(OwnRules, Configurable):
    """The base class of all optimizers: `apply(gradients, variables)` makes one step.

    A subclass defines `slots` (arrays kept for each variable) and `update` (one step of one
    variable).

    Args:
        learning_rate: number (assignable in training: `optimizer.learning_rate = 0.01`), schedule,
            or function of the step in tensor code.
        weight_decay: factor of the decoupled weight decay: before each update a variable loses
            weight_decay * learning_rate times its value. None applies none.
        clipnorm: largest norm of each gradient; longer ones are scaled down. At most one of the
            three clip arguments may be given.
        clipvalue: largest magnitude of each element of a gradient.
        global_clipnorm: largest norm of all gradients together.
        use_ema: keep a running mean of each variable, m * mean + (1 - m) * variable.
        ema_momentum: weight m of the old mean, in [0, 1].
        ema_overwrite_frequency: number of updates after which the means replace the variables; None
            does so only in `finalize_variable_values`.
        loss_scale_factor: number that the loss was multiplied by (`scale_loss`); gradients are
            divided by it. None is 1.
        gradient_accumulation_steps: number of calls whose mean gradient makes one update; None
            updates at every call.
        name: name of the optimizer.

    Raises:
        ArgumentError: if more than one of the clip arguments is given.

    Example:
        >>> import lamina as lm
        >>> class SignDescent(lm.optimizers.Optimizer):
        ...     def update(self, x, g, slots, rate):
        ...         return x - rate * lm.sign(g), {}
        >>> x = lm.Variable([1.0, 2.0])
        >>> SignDescent(0.5).apply([lm.asarray([3.0, -0.1])], [x])
        >>> x.numpy().tolist()
        [0.5, 2.5]

    Source: Loshchilov and Hutter (2019), Decoupled weight decay regularization.
    """

    family = "lamina.optimizers"
    argument_checks = OPTIONS

    def __init__(
        self,
        learning_rate: Rate,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        self.name = name or type(self).__name__.lower()
        learning_rate = older_rate(self, learning_rate, unknown)
        self._refuse(unknown)
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema, self.ema_momentum = use_ema, ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        check_options(self)
        self._iterations = Variable(np.int64(0), trainable=False, name="iteration")
        self._learning_rate: Variable | LearningRateSchedule | Callable[[Any], Any]
        self._learning_rate = rate_of(self.name, learning_rate)
        self._slots: dict[Variable, dict[str, Variable]] = {}
        self._excluded: tuple[set[Variable], str | None] = (set(), None)
        self._due: Tensor | None = None
        self._added = []

    # ---- methods of a rule ---------------------------------------------------------------------
    def slots(self, variable: Variable) -> dict[str, Any]:
        """Return the first values of the arrays that are kept for a variable, by name.

        Args:
            variable: Variable that the optimizer will update.
        """
        return {}

    def scalars(self, rate: Tensor, t: Tensor) -> tuple[Tensor, ...]:
        """Return the scalars that `update` needs, computed once a step for all variables.

        Args:
            rate: learning rate of this step, a scalar.
            t: number of this update, 1, 2, ..., a scalar.
        """
        return (rate,)

    def update(self, x: Tensor, g: Tensor, slots: Slots, *scalars: Tensor) -> tuple[Tensor, Slots]:
        """Return the next value of a variable and its next slots.

        Args:
            x: value of the variable.
            g: its gradient, of the same shape.
            slots: arrays of this variable, as `slots` named them.
            *scalars: what `scalars` returned.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update or update_step")

    # ---- state ---------------------------------------------------------------------------------
    def build(self, variables: Iterable[Variable]) -> None:
        """Create the slots of variables that have none yet.

        Args:
            variables: Variables to be updated, in order.
        """
        for variable in variables:
            if variable not in self._slots:
                with MAKING:
                    if variable not in self._slots:
                        self._slots[variable] = self._made_slots(variable)

    def slot_variables(self) -> dict[Variable, dict[str, Variable]]:
        """Return the arrays kept for each variable, by their names."""
        return {variable: dict(slots) for variable, slots in self._slots.items()}

    def _made_slots(self, variable: Variable) -> dict[str, Variable]:
        half = variable.dtype if variable.dtype.is_storage_only else None
        return {
            slot: Variable(
                value,
                trainable=False,
                dtype=half if value.dtype.kind == "f" else None,
                name=f"{variable.name}_{slot}",
            )
            for slot, value in self._all_slots(variable).items()
        }

    def _all_slots(self, variable: Variable) -> dict[str, Any]:
        kept = self.slots(variable)
        if self.gradient_accumulation_steps:
            kept["gradient_accumulator"] = zeros_like(variable)
        if self.use_ema:
            kept["average"] = zeros_like(variable)
        return kept

    @property
    def built(self) -> bool:
        """True if the slots exist."""
        return bool(self._slots)

    @property
    def variables(self) -> list[Variable]:
        """All state: the number of the step, the learning rate if it is a number, the slots."""
        rate = [self._learning_rate] if isinstance(self._learning_rate, Variable) else []
        slots = [v for kept in self._slots.values() for v in kept.values()]
        return [self._iterations, *rate, *self._shared_state(), *self._added, *slots]

    def _shared_state(self) -> list[Variable]:
        return []

    @property
    def iterations(self) -> Any:
        """The number of updates made: a Variable, or a tensor with gradient accumulation."""
        if self.gradient_accumulation_steps:
            return self._iterations.read() // self.gradient_accumulation_steps
        return self._iterations

    @property
    def learning_rate(self) -> Any:
        """The learning rate: an assignable Variable, or the schedule's value at this step."""
        if isinstance(self._learning_rate, Variable):
            return self._learning_rate
        return self._learning_rate(self._iterations.read())

    @learning_rate.setter
    def learning_rate(self, value: Rate) -> None:
        if callable(value):
            self._learning_rate = rate_of(self.name, value)
        elif isinstance(self._learning_rate, Variable):
            self._learning_rate.assign(value)
        else:
            raise StateError(
                f"{self.name}: the learning rate follows {self._learning_rate!r} and cannot be set "
                "to a number",
                hint="make the optimizer with a number, or assign another schedule",
            )

    # ---- a step --------------------------------------------------------------------------------
    def apply(self, grads: Sequence[Any], trainable_variables: Iterable[Any] | None = None) -> None:
        """Make one step: update each variable by its gradient.

        Inside a traced program the step becomes part of the program.

        Args:
            grads: gradients, one for each variable; None leaves a variable unchanged.
            trainable_variables: Variables in the order of the gradients; None takes those the
                optimizer was built with.
        """
        variables, gradients = self._paired(list(grads), trainable_variables)
        gradients, self._due = self._accumulated(gradients, variables)
        try:
            gradients = clipped(self, gradients)
            rate, scalars = self._numbers(variables)
            for variable, g in zip(variables, gradients, strict=True):
                self._update(variable, g, rate, scalars)
        finally:
            self._due = None
        self._iterations.assign(self._iterations.read() + 1)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Any:
        """Make one step from pairs of a gradient and a variable.

        Args:
            grads_and_vars: pairs (gradient, Variable).

        Returns:
            The number of updates made.
        """
        pairs = list(grads_and_vars)
        missing = [v.name for g, v in pairs if g is None]
        if 0 < len(missing) < len(pairs):
            warn(f"{self.name}: no gradient for the variables {', '.join(missing)}")
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def _update(
        self, variable: Variable, g: Tensor, rate: Tensor, scalars: tuple[Tensor, ...]
    ) -> None:
        kept, dtype = self._slots[variable], types.computing(variable.dtype)
        x, g = widened(variable.read()), widened(g)
        decay = self._decay_of(variable)
        if decay is not None and self._decays(variable):
            x = x - x * as_tensor(rate * decay, dtype)
        if variable.overwrite_with_gradient:
            self._keep(variable, g)
            return
        if type(self).update_step is not OwnRules.update_step:
            self._keep(variable, x)
            self._stepped(variable, g, as_tensor(rate, dtype), self._keep)
            return
        slots = {slot: widened(kept[slot].read()) for slot in kept}
        x, after = self.update(x, g, slots, *(as_tensor(s, dtype) for s in scalars))
        if variable.constraint is not None:
            x = as_tensor(variable.constraint(x), dtype)
        if self.use_ema:
            x, after["average"] = self._averaged(x, slots["average"])
        self._keep(variable, x)
        for slot, value in after.items():
            self._keep(kept[slot], value)

    def _numbers(self, variables: list[Variable]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The learning rate and the rule's scalars of this step, in the variables' widest dtype of
        at least 32 bits: a float64 among float32 would halve the width of loops that read it."""
        dtype = functools.reduce(types.promote, (types.computing(v.dtype) for v in variables))
        rate = as_tensor(as_tensor(self.learning_rate), dtype)
        t = as_tensor(as_tensor(self.iterations) + 1, dtype)
        return rate, self.scalars(rate, t)

    def _keep(self, variable: Variable, value: Tensor) -> None:
        """Assign, unless gradients are only being accumulated in this step."""
        value = as_tensor(value, variable.dtype)
        variable.assign(
            value if self._due is None else ops.where(self._due, value, variable.read())
        )

    # ---- gradients -----------------------------------------------------------------------------
    def _paired(
        self, grads: list[Any], variables: Iterable[Any] | None
    ) -> tuple[list[Variable], list[Tensor]]:
        known = self._known() if variables is None else list(variables)
        if variables is None and not known:
            raise StateError(
                f"{self.name}: apply(gradients) needs to know the variables",
                hint="call apply(gradients, variables), or build(variables) before",
            )
        if len(grads) != len(known):
            raise ArgumentError(f"{self.name}: {len(grads)} gradients for {len(known)} variables")
        self._need_known(known)
        pairs = [(v, g) for v, g in zip(known, grads, strict=True) if g is not None]
        if not pairs:
            raise ArgumentError(f"{self.name}: no variable has a gradient")
        return [v for v, _ in pairs], [self._gradient(v, g) for v, g in pairs]

    def _known(self) -> list[Variable]:
        """Return the variables that the optimizer was built with."""
        return list(self._slots)

    def _need_known(self, variables: list[Variable]) -> None:
        if not self.built:
            self.build(variables)
        known = set(self._known())
        for variable in variables:
            if variable not in known:
                raise StateError(
                    f"{self.name}: {variable!r} is none of the variables that this optimizer was "
                    "built with",
                    hint="make a new optimizer for each model, or call optimizer.build(variables) "
                    "for variables that join later",
                )

    def _gradient(self, variable: Variable, g: Any) -> Tensor:
        g = as_tensor(as_tensor(g), variable.dtype)
        if g.shape != variable.shape:
            raise ShapeError(
                f"{self.name}: the gradient has shape {g.shape}, {variable.name!r} has "
                f"{variable.shape}"
            )
        return g / self.loss_scale_factor if self.loss_scale_factor else g

    def _accumulated(
        self, gradients: list[Tensor], variables: list[Variable]
    ) -> tuple[list[Tensor], Tensor | None]:
        """The mean of the gradients so far, and whether it is time for an update (None: always)."""
        steps = self.gradient_accumulation_steps
        if not steps:
            return gradients, None
        due = (self._iterations.read() + 1) % steps == 0
        means = []
        for variable, g in zip(variables, gradients, strict=True):
            accumulator = self._slots[variable]["gradient_accumulator"]
            total = accumulator.read() + g
            accumulator.assign(ops.where(due, ops.zeros_like(total), total))
            means.append(total / steps)
        return means, due

    # ---- weight decay and averages -------------------------------------------------------------
    def exclude_from_weight_decay(
        self,
        var_list: Iterable[Variable] | None = None,
        var_names: Iterable[str] | None = None,
    ) -> None:
        """Exclude variables from weight decay.

        Args:
            var_list: Variables to exclude.
            var_names: regular expressions; a variable whose name matches one is excluded.
        """
        pattern = "|".join(var_names) if var_names else None
        self._excluded = (set(var_list or ()), pattern)

    def _decay_of(self, variable: Variable) -> float | None:
        """Return the weight decay of a variable, unless it is excluded."""
        return self.weight_decay

    def _decays(self, variable: Variable) -> bool:
        variables, pattern = self._excluded
        return variable not in variables and not (pattern and re.search(pattern, variable.name))

    def _averaged(self, x: Tensor, average: Tensor) -> tuple[Tensor, Tensor]:
        """The variable's next value and average; the first average is the first value."""
        updates = as_tensor(self.iterations)
        momentum = as_tensor(ops.where(updates == 0, 0.0, self.ema_momentum), x.dtype)
        average = momentum * average + (1.0 - momentum) * x
        if self.ema_overwrite_frequency:
            turn = (updates + 1) % self.ema_overwrite_frequency == 0
            x = ops.where(turn, average, x)
        return x, average

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Replace the variables by their running means at the end of training, with `use_ema`.

        Args:
            var_list: Variables to replace.
        """
        for variable in var_list if self.use_ema else ():
            variable.assign(self._slots[variable]["average"].read())

    def scale_loss(self, loss: Tensor) -> Tensor:
        """Return the loss times `loss_scale_factor`.

        Args:
            loss: scalar tensor.
        """
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    # ---- configuration -------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer (its state is in `variables`)."""
        options = {key: getattr(self, key) for key in Options.__annotations__}
        return {**super().get_config(), **options, "learning_rate": self._rate_config()}

    def _rate_config(self) -> Any:
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return shortest(rate)
        return plain(rate, f"{self.name}, learning_rate")

    def __repr__(self) -> str:
        rate = self._learning_rate
        shown = shortest(rate) if isinstance(rate, Variable) else rate
        return f"<{type(self).__name__} learning_rate={shown}>"

    def _refuse(self, unknown: dict[str, Any]) -> None:
        known = [*self._arguments, *Options.__annotations__]
        for key in unknown:
            others = [name for name in known if name != key]
            raise unknown_argument(type(self).__name__, key, others)


# ---- pieces ------------------------------------------------------------------------------------
def slots_by_variable(optimizer: Optimizer) -> dict[Variable, dict[str, Variable]]:
    """Return the slots of each variable that the optimizer was built for, by name."""
    return optimizer.slot_variables()


OptimizerLike: TypeAlias = str | Optimizer | type[Optimizer] | Mapping[str, Any]
"""An optimizer or its class, name or configuration."""
