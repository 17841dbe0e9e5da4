"""Losses of a nest of outputs: several losses of one output, or one of several outputs together.

    outputs  {"a": (y1, y2), "b": y3}
    loss     {"a": [f, (None, g)], "b": h}
    total    f((t1, t2), (y1, y2)) + g(t2, y2) + h(t3, y3)

A list of losses at a place whose outputs are not a list (or a tuple where they are not a tuple)
holds losses of the whole place; otherwise its entries belong to the entries of the outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from lamina import operations as ops
from lamina import tree
from lamina.annotations import ArrayLike
from lamina.losses import Loss
from lamina.metrics import Mean
from lamina.tensor import Tensor
from lamina.training.protocol import Nest

Path: TypeAlias = "tuple[int | str, ...]"
_Row: TypeAlias = "tuple[Path, Loss, float]"


class _Unmatched(Exception):
    """The losses do not have the structure of the outputs."""


@dataclass
class Joint:
    """The losses of the outputs at one place in the nest, with one weight."""

    name: str
    path: Path
    losses: list[Loss]
    weight: float
    tracker: Mean | None = None

    def value(self, y: Nest, outputs: Nest, weights: Nest) -> Tensor:
        """The sum of the losses, before their weight."""
        place = [at(nest, self.path) for nest in (y, outputs)]
        rows = at(weights, self.path) if isinstance(weights, (list, tuple, dict)) else weights
        targets, predictions, counted = cast(list[ArrayLike], [*place, rows])
        total, *rest = [loss(targets, predictions, counted) for loss in self.losses]
        for value in rest:
            total = ops.add(total, value)
        return total


def at(nest: Nest, path: Path) -> Nest:
    """The part of a nest at a path of keys and numbers."""
    for key in path:
        nest = cast(Mapping[object, Nest], nest)[key]
    return nest


def joint_losses(
    loss: object, loss_weights: object, outputs: Nest, names: Sequence[str]
) -> list[Joint] | None:
    """The losses by place in the nest of outputs, whose leaves are `names`.

    None if no output has several losses and no loss several outputs, or if losses and outputs do
    not match.
    """
    if isinstance(loss, Loss) or not isinstance(outputs, (list, tuple, dict)):
        return None
    nest = _weighted(loss, loss_weights)
    if isinstance(nest, Mapping) and not isinstance(outputs, dict) and set(nest) <= set(names):
        nest = [nest.get(name) for name in names]
    try:
        rows = list(_placed(nest, outputs, ()))
    except _Unmatched:
        return None
    places = [path for path, _, _ in rows]
    is_plain = len(set(places)) == len(places) and all(
        isinstance(at(outputs, path), str) for path in places
    )
    return None if is_plain else _joined(rows, outputs)


def _joined(rows: Sequence[_Row], outputs: Nest) -> list[Joint]:
    """One entry for the losses of a place that have the same weight."""
    found: dict[tuple[Path, float], Joint] = {}
    for path, loss, weight in rows:
        if (path, weight) in found:
            found[path, weight].losses.append(loss)
        else:
            found[path, weight] = Joint(_name(path, outputs), path, [loss], weight)
    joints = list(found.values())
    taken: dict[str, int] = {}
    for joint in joints:
        count = taken[joint.name] = taken.get(joint.name, -1) + 1
        label = f"{joint.name}_loss_{count}" if count else f"{joint.name}_loss"
        joint.tracker = Mean(name=label) if len(joints) > 1 else None
    return joints


def _name(path: Path, outputs: Nest) -> str:
    """The path with the name of an output in place of its number, or all names at the root."""
    place = at(outputs, path)
    if not path:
        leaves = list(place) if isinstance(place, dict) else tree.leaves(place)
        return "_".join(map(str, leaves))
    if isinstance(place, str) and isinstance(path[-1], int):
        path = (*path[:-1], place)
    return "/".join(map(str, path))


def _placed(loss: object, outputs: Nest, path: Path) -> Iterator[_Row]:
    """Each loss with its path and weight."""
    place = at(outputs, path)
    if loss is None:
        return
    if isinstance(loss, _Weighted):
        yield path, loss.loss, loss.weight
    elif isinstance(loss, Mapping):
        if not isinstance(place, dict) or not set(loss) <= set(place):
            raise _Unmatched
        for key, each in loss.items():
            yield from _placed(each, outputs, (*path, key))
    else:
        for inner, each in _entries(cast(Sequence[object], loss), place):
            yield from _placed(each, outputs, (*path, *inner))


def _entries(losses: Sequence[object], place: Nest) -> Iterator[tuple[Path, object]]:
    """The entries of a list of losses, and where they belong in a place of the outputs."""
    is_flat = not any(isinstance(each, (list, tuple, Mapping)) for each in losses)
    paths = list(_leaf_paths(place))
    if is_flat and len(paths) == len(losses) and isinstance(place, (list, tuple, dict)):
        yield from zip(paths, losses, strict=True)
    elif isinstance(place, str | dict) or not isinstance(losses, type(place)):
        yield from (((), each) for each in losses)
    elif len(losses) > len(cast(Sequence[object], place)):
        raise _Unmatched
    else:
        yield from (((k,), each) for k, each in enumerate(losses))


def _leaf_paths(nest: Nest) -> Iterator[Path]:
    if isinstance(nest, dict):
        for key in sorted(nest, key=str):
            yield from ((key, *path) for path in _leaf_paths(nest[key]))
    elif isinstance(nest, (list, tuple)):
        for k, each in enumerate(nest):
            yield from ((k, *path) for path in _leaf_paths(each))
    else:
        yield ()


def like(nest: Sequence[object], values: Sequence[object]) -> object:
    """The values in a list, tuple or named tuple like another one."""
    if isinstance(nest, tuple):
        make = getattr(nest, "_make", tuple)
        return make(values)
    return list(values)


# ---- weights -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Weighted:
    loss: Loss
    weight: float


def _weighted(loss: object, weights: object) -> object:
    """The nest of losses with the weight of each; both are in the same order."""
    count, flat = len(list(_losses(loss))), list(_losses(weights))
    if len(flat) != count:
        flat = [None] * count
    given = iter(flat)

    def pair(each: object) -> object:
        if isinstance(each, Mapping):
            return {key: pair(each[key]) for key in sorted(each, key=str)}
        if isinstance(each, (list, tuple)):
            return like(each, [pair(inner) for inner in each])
        weight = next(given)
        if each is None:
            return None
        return _Weighted(cast(Loss, each), 1.0 if weight is None else float(cast(float, weight)))

    return pair(loss)


def _losses(nest: object) -> Iterator[object]:
    if isinstance(nest, Mapping):
        for key in sorted(nest, key=str):
            yield from _losses(nest[key])
    elif isinstance(nest, (list, tuple)):
        for each in nest:
            yield from _losses(each)
    else:
        yield nest
