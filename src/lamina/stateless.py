"""Variables with other values for a while: functions of state in place of state.

with StatelessScope([(v, 2.0)]) as scope:
    v.assign_add(1.0)                    # v reads as 2.0, and then as 3.0
scope.get_current_value(v)               # 3.0; v itself is unchanged
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

from lamina.errors import ArgumentError, ShapeError, describe
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Trace, Variable, bound


class StatelessScope:
    """A context in which no Variable changes: assignments are kept by the scope.

    Args:
        state_mapping: pairs of a Variable and the value that it reads as; others read as they are.
        collect_losses: accepted for Keras; `losses` holds what `add_loss` received.
        initialize_variables: accepted for Keras; Variables have values from the beginning.

    Raises:
        ArgumentError: if a key is not a Variable.
        ShapeError: if the shape of a value is not that of its Variable.

    Example:
        >>> from lamina import keras
        >>> v = keras.Variable(1.0)
        >>> with keras.StatelessScope([(v, 5.0)]) as scope:
        ...     v = v.assign_add(1.0)
        >>> float(scope.get_current_value(v)), float(v)
        (6.0, 1.0)
    """

    def __init__(
        self,
        state_mapping: Iterable[tuple[Variable, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ) -> None:
        self.collect_losses = collect_losses
        self.losses: list[Any] = []
        self._values = dict(_value(*pair) for pair in state_mapping or ())
        self._trace: Trace | None = None

    def __enter__(self) -> Self:
        self._context = bound(self._values, propagate=False)
        self._trace = self._context.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._context.__exit__(*error)

    def add_loss(self, loss: Any) -> None:
        """Keep a loss in `losses`.

        Args:
            loss: scalar.
        """
        self.losses.append(loss)

    def add_update(self, update: tuple[Variable, Any]) -> None:
        """Give a Variable another value within the scope.

        Args:
            update: pair of a Variable and its value.
        """
        variable, value = _value(*update)
        if self._trace is None:
            self._values[variable] = value
        else:
            self._trace.assign(variable, value)

    def get_current_value(self, variable: Variable) -> Tensor | None:
        """Return the value of a Variable at the end of the scope, or so far; None if it was neither
        given, read nor assigned.

        Args:
            variable: Variable to ask for.
        """
        known = self._values if self._trace is None else self._trace.current
        return known.get(variable)

    def values(self, variables: Sequence[Variable]) -> list[Tensor]:
        """Return the values of Variables at the end of the scope, or so far.

        Args:
            variables: Variables to ask for.
        """
        found = ((v, self.get_current_value(v)) for v in variables)
        return [v.read() if value is None else value for v, value in found]


def _value(variable: Any, value: Any) -> tuple[Variable, Tensor]:
    if not isinstance(variable, Variable):
        raise ArgumentError(
            f"StatelessScope: expected pairs of a Variable and its value, got {describe(variable)}"
        )
    tensor = as_tensor(value, variable.dtype)
    if tensor.shape != variable.shape:
        raise ShapeError(
            f"StatelessScope: a value of {variable.name!r} has another shape (expected "
            f"{variable.shape}, got {tensor.shape})"
        )
    return variable, tensor


def paired(
    owner: str, variables: Sequence[Variable], values: Sequence[Any]
) -> list[tuple[Variable, Any]]:
    """Return each Variable with its value. Raises ArgumentError for another number of values."""
    if len(variables) != len(values):
        raise ArgumentError(
            f"{owner}: values of {len(values)} variables (expected {len(variables)}, one for each: "
            f"{', '.join(v.name for v in variables) or 'none'})"
        )
    return list(zip(variables, values, strict=True))
