"""Update rules as classes for Keras write them: `update_step` assigns to Variables by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from lamina.annotations import ArrayLike, DTypeLike, InitializerLike, ShapeLike
from lamina.errors import NotBuiltError
from lamina.ir import types
from lamina.stateless import StatelessScope, paired
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable

if TYPE_CHECKING:
    from lamina.optimizers.base import Optimizer


class OwnRules:
    """The methods of Optimizer for rules in Keras' form, and for state as arguments."""

    _added: list[Variable]  # made by `add_variable`

    # ---- rules of users ------------------------------------------------------------------------
    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """Update a Variable, and the Variables that belong to it, with `assign`; a subclass may
        define it in place of `update`.

        Args:
            gradient: gradient of the Variable.
            variable: Variable to update.
            learning_rate: learning rate of this step, a scalar.

        Raises:
            NotImplementedError: if the class defines neither.
        """
        optimizer = self._optimizer
        optimizer.build([variable])
        kept, dtype = optimizer.slot_variables()[variable], types.computing(variable.dtype)
        rate, t = as_tensor(learning_rate, dtype), as_tensor(optimizer.iterations, dtype) + 1
        values = {slot: as_tensor(state.read(), dtype) for slot, state in kept.items()}
        x, after = optimizer.update(
            as_tensor(variable.read(), dtype),
            as_tensor(gradient, dtype),
            values,
            *(as_tensor(s, dtype) for s in optimizer.scalars(rate, t)),
        )
        variable.assign(as_tensor(x, variable.dtype))
        for slot, value in after.items():
            kept[slot].assign(as_tensor(value, kept[slot].dtype))

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Set the state of the optimizer.

        Args:
            weights: values in the order of `variables`, such as the `variables` of another one.

        Raises:
            NotBuiltError: if the optimizer has no state yet.
            ArgumentError: for another number of values.
        """
        optimizer = self._optimizer
        if not optimizer.built:
            raise NotBuiltError(
                f"{optimizer.name}: set_weights before the state exists",
                hint="call build(variables) first",
            )
        owner = f"{optimizer.name}: set_weights"
        for variable, value in paired(owner, optimizer.variables, weights):
            variable.assign(value)

    def add_variable(
        self,
        shape: ShapeLike,
        initializer: InitializerLike = "zeros",
        dtype: DTypeLike = None,
        aggregation: str = "none",
        layout: object = None,
        name: str | None = None,
    ) -> Variable:
        """Return a new Variable of the optimizer's state.

        Args:
            shape: shape of the Variable.
            initializer: name or Initializer of the first value.
            dtype: dtype; None is float32.
            aggregation: accepted for Keras.
            layout: accepted for Keras.
            name: name of the Variable.
        """
        dtype = "int32" if dtype == "int" else dtype
        made = Variable(initializer, shape, dtype, trainable=False, name=name)
        self._added.append(made)
        return made

    def add_variable_from_reference(
        self,
        reference_variable: Variable,
        name: str | None = None,
        initializer: InitializerLike = "zeros",
    ) -> Variable:
        """Return a new Variable of the shape and dtype of another one.

        Args:
            reference_variable: Variable that the new one belongs to.
            name: name of the new one.
            initializer: name or Initializer of the first value.
        """
        name = f"{reference_variable.name}_{name or 'state'}"
        dtype = reference_variable.dtype.name
        return self.add_variable(reference_variable.shape, initializer, dtype, name=name)

    def add_optimizer_variables(
        self,
        trainable_variables: Sequence[Variable],
        name: str | Sequence[str],
        initializer: InitializerLike | Sequence[InitializerLike] = "zeros",
    ) -> Any:
        """Return a list of Variables, one for each of others; a tuple of lists for several names.

        Args:
            trainable_variables: Variables that the new ones belong to.
            name: name, or list of names.
            initializer: name or Initializer of the first values, or a list of them.
        """
        if isinstance(name, str):
            first = cast(InitializerLike, initializer)
            return [self.add_variable_from_reference(v, name, first) for v in trainable_variables]
        chosen = (
            list(initializer)
            if isinstance(initializer, (list, tuple))
            else [initializer] * len(name)
        )
        return tuple(
            self.add_optimizer_variables(trainable_variables, each, first)
            for each, first in zip(name, chosen, strict=True)
        )

    def assign(self, variable: Variable, value: ArrayLike) -> None:
        """Assign a value to a Variable.

        Args:
            variable: Variable to change.
            value: its next value.
        """
        variable.assign(value)

    def assign_add(self, variable: Variable, value: ArrayLike) -> None:
        """Add a value to a Variable.

        Args:
            variable: Variable to change.
            value: tensor to add.
        """
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: ArrayLike) -> None:
        """Subtract a value from a Variable.

        Args:
            variable: Variable to change.
            value: tensor to subtract.
        """
        variable.assign_sub(value)

    def _get_variable_index(self, variable: Variable) -> int:
        return next(
            k for k, each in enumerate(self._optimizer.slot_variables()) if each is variable
        )

    def _stepped(
        self, variable: Variable, g: Any, rate: Any, keep: Callable[[Variable, Any], None]
    ) -> None:
        """Make a step by the user's rule; `keep` assigns what it changed."""
        state = [variable, *self._added]
        with StatelessScope() as scope:
            self.update_step(g, variable, rate)
        for each, value in zip(state, scope.values(state), strict=True):
            keep(each, value)

    # ---- state as arguments --------------------------------------------------------------------
    def stateless_apply(
        self,
        optimizer_variables: Sequence[Any],
        grads: Sequence[Any],
        trainable_variables: Sequence[Any],
    ) -> tuple[list[Any], list[Any]]:
        """Return the values of the variables and of the optimizer's state after a step from other
        values; the optimizer itself does not change.

        Args:
            optimizer_variables: values in the order of `variables`.
            grads: gradients, one for each variable.
            trainable_variables: values of the variables that the optimizer was built with.

        Returns:
            Lists of the next values: of the variables, and of the optimizer's state.

        Example:
            >>> import lamina as lm
            >>> x, sgd = lm.Variable([1.0]), lm.optimizers.SGD(0.5)
            >>> sgd.build([x])
            >>> values, state = sgd.stateless_apply(
            ...     [v.value for v in sgd.variables], [lm.asarray([1.0])], [lm.asarray([3.0])]
            ... )
            >>> values[0].tolist(), x.numpy().tolist()
            ([2.5], [1.0])
        """
        optimizer = self._optimizer
        known, own = list(optimizer.slot_variables()), optimizer.variables
        owner = f"{optimizer.name}: stateless_apply"
        pairs = paired(owner, own, optimizer_variables) + paired(owner, known, trainable_variables)
        with StatelessScope(pairs) as scope:
            optimizer.apply([None if g is None else as_tensor(g) for g in grads], known)
        return scope.values(known), scope.values(own)

    @property
    def _optimizer(self) -> Optimizer:
        return cast("Optimizer", self)
