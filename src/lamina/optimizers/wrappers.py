"""Optimizers made of others: dynamic scaling of the loss, and an optimizer for each variable."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from lamina import operations as ops
from lamina.arguments import Checks, Integer, Number
from lamina.configuration import Configurable, plain, restored
from lamina.errors import ArgumentError, describe
from lamina.optimizers.base import Optimizer
from lamina.stateless import StatelessScope
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable


class KindError(ArgumentError, TypeError):
    """An object that is not an optimizer, as Keras raises it."""


class LossScaleOptimizer(Optimizer):
    """An optimizer whose loss is multiplied by a number that adapts to the size of gradients.

    A step whose gradients are not all finite is left out, and the scale is halved; after
    `dynamic_growth_steps` steps it is doubled. It matters for gradients in 16 bits, which
    underflow; those of float32 do not.

    Args:
        inner_optimizer: optimizer that makes the steps.
        initial_scale: first scale.
        dynamic_growth_steps: number of steps with finite gradients after which the scale is
            doubled.
        name: name of the optimizer.
        **kwargs: options of other optimizers, accepted if they have no effect; give those that have
            one to `inner_optimizer`, whose `loss_scale_factor` is set to None.

    Raises:
        TypeError: if `inner_optimizer` is not an Optimizer.
        ArgumentError: for an option that would have an effect.

    Example:
        >>> import lamina as lm
        >>> x = lm.Variable([1.0])
        >>> scaled = lm.optimizers.LossScaleOptimizer(lm.optimizers.SGD(0.5), initial_scale=4.0)
        >>> scaled.apply([lm.asarray([4.0])], [x])
        >>> x.numpy().tolist()
        [0.5]

    Source: Micikevicius et al. (2018), Mixed precision training.
    """

    argument_checks: ClassVar[Checks] = {
        "initial_scale": Number(above=0),
        "dynamic_growth_steps": Integer(1),
    }

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        _refuse_effects(kwargs)
        self.inner_optimizer = _need_optimizer("LossScaleOptimizer", inner_optimizer)
        inner_optimizer.loss_scale_factor = None  # the scale here replaces it
        super().__init__(0.0, name=name or "loss_scale_optimizer")
        self.initial_scale, self.dynamic_growth_steps = initial_scale, dynamic_growth_steps
        self.step_counter = Variable(np.int32(0), trainable=False, name="step_counter")
        self.dynamic_scale = Variable(
            np.float32(initial_scale), trainable=False, name="dynamic_scale"
        )

    def build(self, variables: Iterable[Variable]) -> None:
        """Create the state of the inner optimizer.

        Args:
            variables: Variables to be updated, in order.
        """
        self.inner_optimizer.build(variables)

    @property
    def built(self) -> bool:
        """True if the state of the inner optimizer exists."""
        return self.inner_optimizer.built

    @property
    def variables(self) -> list[Variable]:
        """The scale and its counter, and the state of the inner optimizer."""
        return [self.step_counter, self.dynamic_scale, *self.inner_optimizer.variables]

    def slot_variables(self) -> dict[Variable, dict[str, Variable]]:
        """Return the arrays that the inner optimizer keeps for each variable, by their names."""
        return self.inner_optimizer.slot_variables()

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the inner optimizer."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    @property
    def iterations(self) -> Any:
        """The number of updates of the inner optimizer."""
        return self.inner_optimizer.iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Iterable[Any] | None = None) -> None:
        """Make one step by the gradients of the scaled loss, unless one of them is not finite.

        Args:
            grads: gradients, one for each variable; None leaves a variable unchanged.
            trainable_variables: Variables in the order of the gradients; None takes those the
                optimizer was built with.
        """
        inner, scale = self.inner_optimizer, self.dynamic_scale.read()
        variables = list(
            inner.slot_variables() if trainable_variables is None else trainable_variables
        )
        inner.build(variables)
        found = [None if g is None else as_tensor(g) for g in grads]
        finite = as_tensor(True)
        for g in found:
            if g is not None:
                finite = ops.logical_and(finite, ops.all(ops.isfinite(g)))
        unscaled = [
            g if g is None or v.overwrite_with_gradient else g / as_tensor(scale, g.dtype)
            for v, g in zip(variables, found, strict=True)
        ]
        state = [*variables, *inner.variables]
        with StatelessScope() as scope:
            inner.apply(unscaled, variables)
        for variable, value in zip(state, scope.values(state), strict=True):
            variable.assign(ops.where(finite, value, variable.read()))
        self._adapt(finite)

    def _adapt(self, finite: Tensor) -> None:
        """Halve or double the scale, or count a step."""
        count, scale = self.step_counter.read() + 1, self.dynamic_scale.read()
        grows = ops.logical_and(finite, count >= self.dynamic_growth_steps)
        factor = ops.where(finite, ops.where(grows, 2.0, 1.0), 0.5)
        self.dynamic_scale.assign(scale * factor)
        kept = ops.logical_and(finite, ops.logical_not(grows))
        self.step_counter.assign(ops.where(kept, count, ops.zeros_like(count)))

    def scale_loss(self, loss: Tensor) -> Tensor:
        """Return the loss times the scale.

        Args:
            loss: scalar tensor.
        """
        return loss * as_tensor(self.dynamic_scale.read(), as_tensor(loss).dtype)

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Replace the variables by their running means, if the inner optimizer keeps them.

        Args:
            var_list: Variables to replace.
        """
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        return {
            "inner_optimizer": plain(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
            "name": self.name,
        }


class OptimizerMap(Configurable, MutableMapping[str, Optimizer]):
    """Optimizers by the paths of variables, such as {"encoder/.*": Adam()}.

    Args:
        default_optimizer: optimizer of all other variables.
        optimizer_map: dictionary from path, or regular expression that matches a whole path, to
            optimizer.

    Raises:
        TypeError: if `default_optimizer` is not an Optimizer.

    Example:
        >>> import lamina as lm
        >>> from lamina.optimizers import SGD, Adam, OptimizerMap
        >>> optimizers = OptimizerMap(SGD(), {"head/.*": Adam()})
        >>> optimizers["head/kernel"].name, optimizers["dense/kernel"].name
        ('adam', 'sgd')
    """

    family = "lamina.optimizers"

    def __init__(
        self, default_optimizer: Optimizer, optimizer_map: Mapping[str, Optimizer] | None = None
    ) -> None:
        self.default_optimizer = _need_optimizer("OptimizerMap", default_optimizer)
        if optimizer_map is not None and not isinstance(optimizer_map, Mapping):
            raise KindError(
                f"OptimizerMap: expected a dictionary as optimizer_map, got "
                f"{describe(optimizer_map)}"
            )
        self._map = dict(optimizer_map or {})

    def __getitem__(self, key: str) -> Optimizer:
        if key in self._map:
            return self._map[key]
        found = [pattern for pattern in self._map if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise ArgumentError(
                f"OptimizerMap: several keys match {key!r} (expected one, got {found})"
            )
        return self._map[found[0]] if found else self.default_optimizer

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if not isinstance(key, str):
            raise ArgumentError(f"OptimizerMap: expected a path as key, got {describe(key)}")
        if key in self._map:
            raise ArgumentError(f"OptimizerMap: {key!r} is there already")
        self._map[key] = _plain("OptimizerMap", optimizer)

    def __delitem__(self, key: str) -> None:
        del self._map[key]

    def __contains__(self, key: object) -> bool:
        return key in self._map

    def __iter__(self) -> Iterator[str]:
        return iter(self._map)

    def __len__(self) -> int:
        return len(self._map)

    def __call__(self, variable: Variable) -> Optimizer:
        """Return the optimizer of a Variable."""
        return self[variable.path]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of an equal map."""
        return {
            "default_optimizer": plain(self.default_optimizer),
            "optimizer_map": plain(self._map),
        }


class MultiOptimizer(Optimizer):
    """An optimizer that leaves each variable to another one.

    Args:
        optimizer_map: OptimizerMap, or function from a Variable to its optimizer.
        loss_scale_factor: number that the loss is multiplied by. None is 1.
        name: name of the optimizer.

    Example:
        >>> import lamina as lm
        >>> from lamina.optimizers import SGD, MultiOptimizer
        >>> slow, fast = SGD(0.1), SGD(1.0)
        >>> a, b = lm.Variable([1.0], name="a"), lm.Variable([1.0], name="b")
        >>> both = MultiOptimizer(lambda v: slow if v.name == "a" else fast)
        >>> both.apply([lm.asarray([1.0]), lm.asarray([1.0])], [a, b])
        >>> a.numpy().astype("float64").round(2).tolist(), b.numpy().tolist()
        ([0.9], [0.0])
    """

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name or "multi_optimizer")
        if not callable(optimizer_map):
            raise ArgumentError(
                "MultiOptimizer: expected an OptimizerMap or a function of a Variable, got "
                f"{describe(optimizer_map)}"
            )
        self.optimizer_map = optimizer_map
        self._chosen: dict[Variable, Optimizer] = {}

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers of the variables, each once."""
        return list({id(each): each for each in self._chosen.values()}.values())

    def build(self, variables: Iterable[Variable]) -> None:
        """Choose the optimizers of variables that have none yet, and create their state.

        Args:
            variables: Variables to be updated, in order.
        """
        for variable in variables:
            if variable not in self._chosen:
                chosen = _plain("MultiOptimizer", self.optimizer_map(variable))
                chosen.loss_scale_factor = None  # that of the MultiOptimizer replaces it
                chosen.build([variable])
                self._chosen[variable] = chosen

    @property
    def built(self) -> bool:
        """True if optimizers are chosen."""
        return bool(self._chosen)

    @property
    def variables(self) -> list[Variable]:
        """The number of the step, and the state of all optimizers."""
        return [self._iterations, *(v for each in self.optimizers for v in each.variables)]

    def slot_variables(self) -> dict[Variable, dict[str, Variable]]:
        """Return the arrays kept for each variable, by their names."""
        return {v: slots for each in self.optimizers for v, slots in each.slot_variables().items()}

    def apply(self, grads: Sequence[Any], trainable_variables: Iterable[Any] | None = None) -> None:
        """Make one step: each optimizer updates its variables.

        Args:
            grads: gradients, one for each variable; None leaves a variable unchanged.
            trainable_variables: Variables in the order of the gradients; None takes those the
                optimizer was built with.
        """
        variables, gradients = self._paired(list(grads), trainable_variables)
        for each in self.optimizers:
            own = [
                (v, g) for v, g in zip(variables, gradients, strict=True) if self._chosen[v] is each
            ]
            if own:
                each.apply([g for _, g in own], [v for v, _ in own])
        self._iterations.assign(self._iterations.read() + 1)

    def _known(self) -> list[Variable]:
        return list(self._chosen)

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Replace the variables by their running means, where their optimizers keep them.

        Args:
            var_list: Variables to replace.
        """
        for variable in var_list:
            if variable in self._chosen:
                self._chosen[variable].finalize_variable_values([variable])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        return {
            "optimizer_map": plain(self.optimizer_map, "MultiOptimizer(optimizer_map=)"),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the optimizer that `get_config` described.

        Args:
            config: dictionary that `get_config` returned.
        """
        return cls(**{name: restored(value) for name, value in config.items()})


def _plain(owner: str, value: Any) -> Optimizer:
    """The value, if it is an optimizer that is not made of others."""
    if not isinstance(value, Optimizer) or isinstance(value, (LossScaleOptimizer, MultiOptimizer)):
        raise ArgumentError(f"{owner}: expected a plain optimizer, got {describe(value)}")
    return value


def _refuse_effects(options: Mapping[str, Any]) -> None:
    """Raise for options of optimizers that are not at the value without an effect."""
    owner = "LossScaleOptimizer"
    for name, value in options.items():
        if name == "dynamic":
            if not value:
                raise ArgumentError(
                    f"{owner}: the scale is always dynamic (expected dynamic=True, got {value!r})",
                    hint="pass loss_scale_factor to the inner optimizer for a fixed scale",
                )
        elif name not in _WITHOUT_EFFECT:
            raise ArgumentError(
                f"{owner}: unknown argument {name!r}", hint="give options to inner_optimizer"
            )
        elif value not in (_WITHOUT_EFFECT[name], None):
            raise ArgumentError(
                f"{owner}: {name} has no effect here (expected none, got {value!r})",
                hint=f"give {name} to inner_optimizer",
            )


_WITHOUT_EFFECT: dict[str, Any] = {
    **dict.fromkeys(("weight_decay", "clipnorm", "global_clipnorm", "clipvalue")),
    **dict.fromkeys(("ema_overwrite_frequency", "loss_scale_factor")),
    "gradient_accumulation_steps": None,
    "use_ema": False,
    "ema_momentum": 0.99,
}


def _need_optimizer(owner: str, value: Any) -> Optimizer:
    if not isinstance(value, Optimizer):
        raise KindError(f"{owner}: expected an Optimizer, got {describe(value)}")
    return value
