"""The tree of layers: sublayers and variables in attributes, their weights and their names.

Layers are not registered. Attributes, including lists, tuples and dictionaries of layers, are
searched on demand, so that a list that grows after its assignment is covered.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, MutableMapping, Sequence
from types import FunctionType, NoneType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from lamina.annotations import ArrayLike
from lamina.arguments import one_of
from lamina.configuration import Configurable, snake_case
from lamina.errors import ShapeError
from lamina.layers._base.frames import Names, unique
from lamina.variables import Variable

PLAIN = frozenset({NoneType, bool, int, float, str, FunctionType})  # in which nothing hangs


class Tracked(Configurable):
    """Base class with names, sublayers, variables, and weights as arrays."""

    _unseen: ClassVar[frozenset[str]] = frozenset({"_arguments", "_parent", "_calls", "_weights"})
    _name: str | None
    _is_named: bool  # it will not change any more
    _is_given: bool  # by the user
    _parent: weakref.ref[Tracked] | None
    _weights: list[Variable]
    _trainable: bool

    if TYPE_CHECKING:

        @property
        def built(self) -> bool: ...  # of Layer

    # ---- names ---------------------------------------------------------------------------------
    @property
    def name(self) -> str:
        """The given name, or that of the class; made unique by the first model or layer that holds
        it."""
        return self._name or self._class_name()

    @name.setter
    def name(self, name: str) -> None:
        self._name, self._is_named, self._is_given = str(name), True, True

    def _class_name(self) -> str:
        return snake_case(type(self).__name__)

    @property
    def path(self) -> str:
        """The names from the outermost layer to this one: "sequential/dense_1"."""
        parent = self._parent() if self._parent is not None else None
        return f"{parent.path}/{self.name}" if parent is not None else self.name

    def _label(self) -> str:
        """Return the name of the layer in errors: Dense 'sequential/dense_1'."""
        return f"{type(self).__name__} '{self.path}'"

    def _take_name(self, taken: set[str]) -> None:
        """Choose a name that is not in use; a given name is kept."""
        if self._is_named:
            taken.add(self.name)
        else:
            self._name = unique(self._class_name(), taken)
            self._is_named = True

    def _adopt(self) -> None:
        """Become the parent of sublayers without one, and give them unique names."""
        self._name_children(self._children())

    def _name_children(self, children: list[Any]) -> None:
        new = [c for c in children if c._parent is None or c._parent() is None]
        if not new:
            return
        taken = Names(c.name for c in children if c._is_named)
        for child in new:
            child._take_name(taken)
            child._parent = weakref.ref(self)

    def _weights_changed(self) -> None:
        """Tell the models that hold this layer that it has other weights than before."""
        parent = self._parent() if self._parent is not None else None
        if parent is not None:
            parent._weights_changed()

    # ---- layers and variables inside -----------------------------------------------------------
    def _attributes(self) -> list[Any]:
        """Return the layers and variables that attributes hold."""
        found: list[Any] = []
        for name, value in list(vars(self).items()):  # another thread may set an attribute
            if type(value) not in PLAIN and name not in self._unseen:
                _collect(value, found)
        return found

    def _children(self) -> list[Any]:
        """Return the layers that attributes hold, each once."""
        return _layers(self._attributes())

    def _layers_by_name(self) -> list[Any]:
        """Return the sublayers that files identify by name instead of attribute: those of
        functional and Sequential models."""
        return []

    def _flatten_layers(self) -> list[Any]:
        """Return this layer and all sublayers, each once, parents first."""
        found: dict[int, Tracked] = {}

        def visit(layer: Tracked) -> None:
            if id(layer) not in found:
                found[id(layer)] = layer
                for child in layer._children():
                    visit(child)

        visit(self)
        return list(found.values())

    def _own_variables(self) -> list[Variable]:
        """Return the weights of this layer itself: trainable ones first, each kind in order of
        creation."""
        return self._variables_first(self._attributes())

    def _variables_first(self, found: list[Any]) -> list[Variable]:
        held = [v for v in found if isinstance(v, Variable)]
        own = list({id(v): v for v in [*self._weights, *held]}.values())
        return [v for v in own if v.trainable] + [v for v in own if not v.trainable]

    def _named_variables(self) -> dict[str, Variable]:
        """Return all weights by their paths below this layer: "dense_1/kernel"."""
        inner = self._attributes()
        children = _layers(inner)
        self._name_children(children)
        found: dict[str, Variable] = {}
        seen: set[int] = set()
        taken, names = Names(), Names()
        inside = [({v.name: v}, "") for v in self._variables_first(inner)]
        inside += [(c._named_variables(), unique(c.name, names) + "/") for c in children]
        for variables, prefix in inside:
            for name, variable in variables.items():
                if id(variable) not in seen:
                    seen.add(id(variable))
                    found[unique(prefix + name, taken)] = variable
        return found

    # ---- weights -------------------------------------------------------------------------------
    @property
    def weights(self) -> list[Variable]:
        """All weights: those of this layer, then those of its sublayers, in order."""
        return list(self.named_weights().values())

    @property
    def variables(self) -> list[Variable]:
        return self.weights

    def named_weights(self) -> dict[str, Variable]:
        """All weights by path below this layer, such as "dense_1/kernel"; equal for all models of
        the same layers, independent of the names of the models."""
        return self._named_variables()

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training updates; none for a frozen layer."""
        kept = self._trainable_ids()
        return [v for v in self.weights if id(v) in kept]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        kept = self._trainable_ids()
        return [v for v in self.weights if id(v) not in kept]

    @property
    def trainable_variables(self) -> list[Variable]:
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        return self.non_trainable_weights

    def _trainable_ids(self) -> set[int]:
        if not self._trainable:
            return set()
        inner = self._attributes()
        found = {id(v) for v in self._variables_first(inner) if v.trainable}
        return found.union(*(child._trainable_ids() for child in _layers(inner)))

    @property
    def trainable(self) -> bool:
        """False freezes this layer and its sublayers: their weights are constant, and calls are
        inference."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = bool(one_of(type(self).__name__, "trainable", value, (True, False)))
        for layer in self._flatten_layers():
            layer._trainable = value

    def count_params(self) -> int:
        """Return the total number of elements of the weights."""
        return sum(v.size for v in self.weights)

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights as NumPy arrays, in the order of `weights`."""
        return [v.numpy() for v in self.weights]

    def _ordered_variables(self) -> list[Variable]:
        """Return the weights of the layer itself in the order of `save_own_variables`."""
        return self._own_variables()

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put the values of the layer's own weights, without those of sublayers, into a dictionary,
        under "0", "1", ...

        Args:
            store: dictionary to fill.
        """
        for number, variable in enumerate(self._ordered_variables()):
            store[str(number)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, ArrayLike]) -> None:
        """Assign the values that `save_own_variables` put into a dictionary.

        Args:
            store: dictionary with the keys "0", "1", ...

        Raises:
            ShapeError: their number, or the shape of one, is another.
        """
        own = self._ordered_variables()
        if len(store) != len(own):
            raise ShapeError(
                f"{self._label()}: expected {len(own)} arrays, got {len(store)}: "
                f"{', '.join(v.name for v in own) or 'only sublayers have weights'}"
            )
        for number, variable in enumerate(own):
            variable.assign(store[str(number)])

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Replace all weights by arrays of the same shapes, in the order of `weights`.

        Raise ShapeError, and change nothing, if the number or the shapes differ.

        Args:
            weights: sequence of arrays.
        """
        named, arrays = self.named_weights(), list(weights)
        if len(arrays) != len(named):
            raise ShapeError(
                f"{self._label()}: set_weights got {len(arrays)} arrays, and there are "
                f"{len(named)} weights: {_listing(named)}"
            )
        for (name, variable), array in zip(named.items(), arrays, strict=True):
            shape: tuple[int, ...] = np.shape(array)  # type: ignore[arg-type]
            if shape != variable.shape:
                raise ShapeError(
                    f"{self._label()}: set_weights got an array of shape {shape} for "
                    f"{name}, which has shape {variable.shape}",
                    hint=f"the weights in order: {_listing(named)}",
                )
        for variable, array in zip(named.values(), arrays, strict=True):
            variable.assign(array)


def _listing(named: dict[str, Variable]) -> str:
    return ", ".join(f"{name} {variable.shape}" for name, variable in named.items()) or "none"


def _layers(found: list[Any]) -> list[Any]:
    return list({id(v): v for v in found if isinstance(v, Tracked)}.values())


def _collect(value: Any, found: list[Any]) -> None:
    if isinstance(value, (Tracked, Variable)):
        found.append(value)
    elif isinstance(value, (list, tuple)):
        for each in value:
            _collect(each, found)
    elif isinstance(value, dict):
        for each in value.values():
            _collect(each, found)
