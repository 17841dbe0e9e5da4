"""The values of a model as nested dictionaries by the names of layers, as `keras` has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lamina.arguments import one_of
from lamina.errors import ArgumentError, unknown_name
from lamina.variables import Variable

if TYPE_CHECKING:
    from lamina.models.model import Model

KINDS = (
    "trainable_variables",
    "non_trainable_variables",
    "optimizer_variables",
    "metrics_variables",
)


def state_tree(model: Model, value_format: str) -> dict[str, Any]:
    """Return the values of all variables; see `Model.get_state_tree`."""
    one_of("get_state_tree", "value_format", value_format, ("backend_tensor", "numpy_array"))
    as_array = value_format == "numpy_array"

    def value(variable: Variable) -> Any:
        return variable.numpy() if as_array else variable.read()

    return {
        kind: _nested((path, value(variable)) for path, variable in found.items())
        for kind, found in _variables(model).items()
    }


def assign_state_tree(model: Model, tree: Mapping[str, Any]) -> None:
    """Assign the values of a tree; see `Model.set_state_tree`."""
    known = _variables(model)
    for kind, nested in tree.items():
        if kind not in known:
            raise unknown_name("kind of variables", kind, KINDS)
        for path, value in _flat(nested, ""):
            if path not in known[kind]:
                raise unknown_name(f"variable in {kind}", path, known[kind])
            known[kind][path].assign(value)


def _variables(model: Model) -> dict[str, dict[str, Variable]]:
    named, trained = model.named_weights(), {id(v) for v in model.trainable_weights}
    optimizer = model.optimizer if model.compiled else None
    state = [] if optimizer is None else [(optimizer.name, v) for v in optimizer.variables]
    metrics = [(m.name, v) for m in model.metrics for v in m.variables] if model.compiled else []
    return {
        KINDS[0]: {path: v for path, v in named.items() if id(v) in trained},
        KINDS[1]: {path: v for path, v in named.items() if id(v) not in trained},
        KINDS[2]: _once(state),
        KINDS[3]: _once(metrics),
    }


def _once(owned: Iterable[tuple[str, Variable]]) -> dict[str, Variable]:
    """Return variables by the names of their owner and their own; equal names are numbered."""
    found: dict[str, Variable] = {}
    for owner, variable in owned:
        path, number = f"{owner}/{variable.name}", 0
        while path in found:
            number += 1
            path = f"{owner}/{variable.name}_{number}"
        found[path] = variable
    return found


def _nested(values: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in values:
        *outer, last = path.split("/")
        place = tree
        for name in outer:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                raise ArgumentError(f"get_state_tree: {path!r} is a variable and a layer")
        place[last] = value
    return tree


def _flat(nested: Any, prefix: str) -> Iterable[tuple[str, Any]]:
    if isinstance(nested, Mapping):
        for name, value in nested.items():
            yield from _flat(value, f"{prefix}/{name}" if prefix else str(name))
    else:
        yield prefix, nested
