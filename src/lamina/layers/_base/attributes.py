"""Properties of layers and models whose names classes of users may use for their own attributes."""

from __future__ import annotations

from typing import Any


class replaceable(property):
    """A property that an instance may assign over: then it holds what was assigned.

    >>> class Model:
    ...     @replaceable
    ...     def loss(self):
    ...         return "mse"
    >>> model = Model()
    >>> model.loss = 3
    >>> Model().loss, model.loss
    ('mse', 3)
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is not None and self._name in instance.__dict__:
            return instance.__dict__[self._name]
        return super().__get__(instance, owner)

    def __set__(self, instance: Any, value: Any) -> None:
        if self.fset is not None:
            super().__set__(instance, value)
        else:
            instance.__dict__[self._name] = value
