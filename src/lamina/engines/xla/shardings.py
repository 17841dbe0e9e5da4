"""Devices by their names, and placements as JAX's shardings."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec, SingleDeviceSharding

from lamina.engines.placement import Layout, Mesh, Placement, layout_of
from lamina.errors import unknown_name
from lamina.ir.graph import Node
from lamina.ir.types import Extent, Shape

BATCH, ROWS = Extent.symbol("batch"), Extent.symbol("rows")


def devices() -> list[str]:
    """The names of all devices of JAX's platform, those of other processes among them."""
    return list(_by_name())


def platforms() -> list[str]:
    """The names of the devices of this process, and of its CPUs after those of the platform."""
    names = [name for name, d in _by_name().items() if d.process_index == jax.process_index()]
    return names if jax.default_backend() == "cpu" else [*names, "cpu:0"]


@functools.cache
def _by_name() -> dict[str, Any]:
    return {f"{d.platform}:{k}": d for k, d in enumerate(jax.devices())}


def device(name: str) -> Any:
    """The device of a name such as "gpu:1", or of a platform, such as "cpu", the first."""
    known = _by_name()
    whole = name if ":" in name else f"{name}:0"
    if whole in known:
        return known[whole]
    platform, _, number = whole.partition(":")
    local = jax.local_devices(backend="cpu") if platform == "cpu" else []
    if number.isdecimal() and int(number) < len(local):
        return local[int(number)]
    raise unknown_name("device", name, platforms())


@functools.cache
def mesh(of: Mesh) -> Any:
    """JAX's mesh."""
    grid = np.array([device(name) for name in of.devices], object).reshape(of.shape)
    return jax.sharding.Mesh(grid, of.axis_names, axis_types=(AxisType.Auto,) * len(of.shape))


def sharding(placement: Placement, layout: Layout) -> Any:
    """The JAX sharding of an array of this layout."""
    if placement.mesh is not None:
        return NamedSharding(mesh(placement.mesh), PartitionSpec(*layout))
    if placement.device is not None:
        return SingleDeviceSharding(device(placement.device))
    return SingleDeviceSharding(jax.local_devices()[0])


def own_rows(placement: Placement, count: int) -> slice | None:
    """The rows of a batch that the devices of this process hold; None if it needs all of them."""
    of, axis = placement.mesh, placement.batch
    if of is None or axis is None or count == 0 or count % of.size(axis):
        return None
    places = sharding(placement, (axis,)).addressable_devices_indices_map((count,)).values()
    pieces = sorted({rows.indices(count)[:2] for (rows,) in places})
    whole = all(stop == start for (_, stop), (start, _) in itertools.pairwise(pieces))
    rows = slice(pieces[0][0], pieces[-1][1])
    return rows if whole and rows != slice(0, count) else None


def of_arguments(
    placement: Placement,
    parameters: Sequence[Node],
    arrays: Sequence[np.ndarray],
    held: Collection[int],
) -> list[Any]:
    """The sharding of each argument. Held ones follow their layouts. Of the others, axes of the
    batch are divided: those whose extent is `batch`, or without any the leading ones of `rows`."""
    batch = BATCH if any(BATCH in p.shape for p in parameters) else ROWS
    found = []
    for k, (node, array) in enumerate(zip(parameters, arrays, strict=True)):
        layout = layout_of(array) if k in held else _of_batch(placement, node.shape, batch)
        found.append(sharding(placement, _fitting(placement, layout, array.shape)))
    return found


def _of_batch(placement: Placement, shape: Shape, batch: Extent) -> Layout:
    if placement.batch is None:
        return ()
    return tuple(placement.batch if extent == batch else None for extent in shape)


def _fitting(placement: Placement, layout: Layout, shape: Sequence[int]) -> Layout:
    """The layout as far as extents can be divided evenly; the last short batch is copied whole."""
    if placement.mesh is None:
        return ()
    of = placement.mesh
    pairs = zip(layout, shape, strict=False)
    return tuple(a if a is not None and n % of.size(a) == 0 else None for a, n in pairs)
