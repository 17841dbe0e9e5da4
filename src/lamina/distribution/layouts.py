"""Meshes of devices, and how batches and weights are divided over them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lamina.distribution.device_names import list_devices
from lamina.engines import placement
from lamina.engines.placement import Layout, Mesh, Placement
from lamina.errors import ArgumentError, ShapeError, unknown_name
from lamina.layers._base.layer import Layer
from lamina.layers._base.saved_names import saved_weights
from lamina.settings import settings
from lamina.variables import Variable, memory_of


class DeviceMesh:
    """Devices in a grid whose axes have names.

    Args:
        shape: number of devices along each axis.
        axis_names: a name for each axis.
        devices: names of the devices in C order; None takes all of them.

    Example:
        >>> import lamina as lm
        >>> lm.distribution.DeviceMesh((2, 2), ("batch", "model"), [f"cpu:{k}" for k in range(4)])
        DeviceMesh(batch=2, model=2)
    """

    def __init__(
        self,
        shape: Sequence[int],
        axis_names: Sequence[str],
        devices: Sequence[str] | None = None,
    ) -> None:
        self.shape, self.axis_names = tuple(shape), tuple(axis_names)
        if len(self.shape) != len(self.axis_names):
            raise ArgumentError(
                f"DeviceMesh: one name for each axis (expected {len(self.shape)} names, got "
                f"{self.axis_names})"
            )
        self.devices = tuple(list_devices() if devices is None else devices)
        if math.prod(self.shape) != len(self.devices):
            raise ArgumentError(
                f"DeviceMesh: shape {self.shape} takes {math.prod(self.shape)} devices, got "
                f"{len(self.devices)}",
                hint="lm.distribution.list_devices() lists all of them",
            )

    @property
    def mesh(self) -> Mesh:
        """The mesh in the form that the engine takes."""
        return Mesh(self.shape, self.axis_names, self.devices)

    def __repr__(self) -> str:
        axes = zip(self.axis_names, self.shape, strict=True)
        return f"DeviceMesh({', '.join(f'{name}={size}' for name, size in axes)})"


@dataclass(frozen=True)
class TensorLayout:
    """The division of an array over the axes of a mesh.

    Args:
        axes: for each axis of the array, the name of the axis of the mesh that divides it, or None.
        device_mesh: the mesh; None means that of the distribution.

    Example:
        >>> import lamina as lm
        >>> lm.distribution.TensorLayout((None, "model")).axes
        (None, 'model')
    """

    axes: tuple[str | None, ...]
    device_mesh: DeviceMesh | None = None


class LayoutMap(MutableMapping[str, TensorLayout]):
    """Layouts by regular expressions, which are searched for in the paths of variables.

    Args:
        device_mesh: the mesh whose axes the layouts name.

    Example:
        >>> import lamina as lm
        >>> mesh = lm.distribution.DeviceMesh((1, 1), ("batch", "model"), ["cpu:0"])
        >>> layouts = lm.distribution.LayoutMap(mesh)
        >>> layouts["dense.*kernel"] = (None, "model")
        >>> layouts["net/dense_1/kernel"].axes
        (None, 'model')
    """

    def __init__(self, device_mesh: DeviceMesh) -> None:
        self.device_mesh = device_mesh
        self._rows: dict[str, TensorLayout] = {}

    def __getitem__(self, path: str) -> TensorLayout:
        """Return the layout of a path: of that key, else of the one expression found in it."""
        if path in self._rows:
            return self._rows[path]
        found = [key for key in self._rows if re.search(key, path)]
        if len(found) > 1:
            raise ArgumentError(
                f"LayoutMap: several expressions match {path!r} ({', '.join(map(repr, found))})",
                hint="make the expressions longer, so that one of them matches",
            )
        if not found:
            raise KeyError(path)
        return self._rows[found[0]]

    def __setitem__(self, key: str, layout: TensorLayout | Sequence[str | None]) -> None:
        axes = layout.axes if isinstance(layout, TensorLayout) else tuple(layout)
        for axis in axes:
            if axis is not None and axis not in self.device_mesh.axis_names:
                raise unknown_name("axis of the mesh", axis, self.device_mesh.axis_names)
        self._rows[key] = TensorLayout(axes, self.device_mesh)

    def __delitem__(self, key: str) -> None:
        del self._rows[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def of(self, path: str) -> Layout:
        """Return the axes for a path; () if no expression matches.

        Args:
            path: path of a weight, such as "dense/kernel".
        """
        return self[path].axes if path in self else ()

    def __contains__(self, path: object) -> bool:
        try:
            self[path]  # type: ignore[index]
        except KeyError:
            return False
        return True


class Distribution:
    """The base class of distributions: a mesh, and the axis along which batches are divided.

    Args:
        device_mesh: the devices.
        batch_dim_name: name of the axis of the mesh along which batches are divided.

    Example:
        >>> import lamina as lm
        >>> mesh = lm.distribution.DeviceMesh((1,), ("batch",), ["cpu:0"])
        >>> lm.distribution.Distribution(mesh, "batch").batch_dim_name
        'batch'
    """

    auto_shard_dataset = True  # of several processes, each reads its part of a Dataset's batches

    def __init__(self, device_mesh: DeviceMesh, batch_dim_name: str) -> None:
        if batch_dim_name not in device_mesh.axis_names:
            raise unknown_name("axis of the mesh", batch_dim_name, device_mesh.axis_names)
        self.device_mesh, self.batch_dim_name = device_mesh, batch_dim_name

    @property
    def placement(self) -> Placement:
        """The placement in the form that the engine takes."""
        return Placement(mesh=self.device_mesh.mesh, batch=self.batch_dim_name)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Run the programs within a `with` block in this distribution, on the xla engine."""
        global _current
        before, _current = _current, self
        try:
            with settings(engine="xla"), placement.within(self.placement):
                yield
        finally:
            _current = before

    def weight_layout(self, path: str, variable: Variable) -> Layout:
        """Return the axes of the mesh that divide a weight; () copies it to each device.

        Args:
            path: path of the weight, such as "dense/kernel".
            variable: the weight.
        """
        return ()

    def slot_layout(self, layout: Layout, slot: Variable) -> Layout:
        """Return the axes of the mesh that divide an array of the optimizer's.

        Args:
            layout: the layout of the weight that the array belongs to, () if of another shape.
            slot: the array.
        """
        return layout

    def arrange(self, model: Layer) -> None:
        """Divide the weights of a model and the state of its optimizer, as far as they exist.

        Args:
            model: a model whose weights are built.
        """
        layouts = {}
        for path, variable in paths(model).items():
            layouts[variable] = layout = self._checked(path, variable)
            placement.lay_out(memory_of(variable), layout)
        optimizer = getattr(model, "optimizer", None)
        for variable, slots in (optimizer.slot_variables() if optimizer else {}).items():
            for slot in slots.values():
                same = slot.shape == variable.shape
                layout = self.slot_layout(layouts.get(variable, ()) if same else (), slot)
                placement.lay_out(memory_of(slot), layout)

    def _checked(self, path: str, variable: Variable) -> Layout:
        layout, mesh = self.weight_layout(path, variable), self.device_mesh.mesh
        if len(layout) > variable.ndim:
            raise ShapeError(
                f"{path}: layout {layout} has more axes than the weight, of shape {variable.shape}"
            )
        for axis, extent in zip(layout, variable.shape, strict=False):
            if axis is not None and extent % mesh.size(axis):
                raise ShapeError(
                    f"{path}: {extent} rows or columns cannot be divided evenly among the "
                    f"{mesh.size(axis)} devices of axis {axis!r} (shape {variable.shape})",
                    hint="choose a size that divides, or leave this weight out of the LayoutMap",
                )
        return layout


class DataParallel(Distribution):
    """Batches divided over all devices; each has a copy of the weights.

    Gradients are summed over the devices by XLA, and batch normalization sees the whole batch: a
    program computes what it computes on one device, except for the rounding of sums. What a sample
    draws depends on its number in the batch, not on its device. A batch that the number of devices
    does not divide, such as the last short one, is computed by each device as a whole.

    Args:
        device_mesh: the devices, in a mesh of one axis; None takes all devices.
        devices: names of the devices, instead of a mesh.
        auto_shard_dataset: of several processes, let each read only its rows of the batches of a
            Dataset; False lets each read all of them.
        shard_optimizer_state: divide the optimizer's arrays over the devices as well (ZeRO, stage
            1): less memory, and one more exchange for each step.

    Example:
        >>> import lamina as lm
        >>> lm.distribution.DataParallel(devices=["cpu:0"]).device_mesh
        DeviceMesh(batch=1)

    Source:
        Rajbhandari et al. 2020, "ZeRO: memory optimizations toward training trillion parameter
        models".
    """

    def __init__(
        self,
        device_mesh: DeviceMesh | None = None,
        devices: Sequence[str] | None = None,
        auto_shard_dataset: bool = True,
        shard_optimizer_state: bool = False,
    ) -> None:
        if device_mesh is None:
            names = list_devices() if devices is None else list(devices)
            device_mesh = DeviceMesh((len(names),), ("batch",), names)
        super().__init__(device_mesh, device_mesh.axis_names[0])
        self.auto_shard_dataset = auto_shard_dataset
        self.shard_optimizer_state = shard_optimizer_state

    def slot_layout(self, layout: Layout, slot: Variable) -> Layout:
        """Return the axes of the mesh that divide an array of the optimizer's.

        Args:
            layout: the layout of the weight that the array belongs to.
            slot: the array.
        """
        if not self.shard_optimizer_state:
            return ()
        count = self.device_mesh.mesh.size(self.batch_dim_name)
        fitting = (axis for axis, extent in enumerate(slot.shape) if extent and extent % count == 0)
        at = next(fitting, None)
        return tuple(self.batch_dim_name if axis == at else None for axis in range(slot.ndim))


class ModelParallel(Distribution):
    """Batches divided along one axis of a mesh, and weights along others.

    XLA inserts the exchanges between devices that follow from the layouts. The optimizer's arrays
    are divided like their weights.

    Args:
        layout_map: layouts of weights by their paths; weights without one are copied.
        batch_dim_name: axis of the mesh along which batches are divided; None takes the first.
        auto_shard_dataset: of several processes, let each read only its rows of the batches of a
            Dataset; False lets each read all of them.

    Example:
        >>> import lamina as lm
        >>> mesh = lm.distribution.DeviceMesh((1, 1), ("batch", "model"), ["cpu:0"])
        >>> layouts = lm.distribution.LayoutMap(mesh)
        >>> layouts["kernel"] = (None, "model")
        >>> lm.distribution.ModelParallel(layout_map=layouts).batch_dim_name
        'batch'
    """

    def __init__(
        self,
        *,
        layout_map: LayoutMap,
        batch_dim_name: str | None = None,
        auto_shard_dataset: bool = True,
    ) -> None:
        mesh = layout_map.device_mesh
        super().__init__(mesh, batch_dim_name or mesh.axis_names[0])
        self.auto_shard_dataset = auto_shard_dataset
        self.layout_map = layout_map

    def weight_layout(self, path: str, variable: Variable) -> Layout:
        """Return the axes of the mesh that divide a weight; () copies it to each device.

        Args:
            path: path of the weight, such as "dense/kernel".
            variable: the weight.
        """
        return self.layout_map.of(path)


# ---- the distribution in force -----------------------------------------------------------------
_current: Distribution | None = None


def distribution() -> Distribution | None:
    """Return the distribution in force; None if programs run on one device.

    Example:
        >>> import lamina as lm
        >>> lm.distribution.distribution() is None
        True
    """
    return _current


def set_distribution(value: Distribution | None) -> None:
    """Run programs in this distribution, on the xla engine, from here on.

    Args:
        value: the distribution; None returns to one device, and leaves the engine as it is.

    Example:
        >>> import lamina as lm
        >>> lm.distribution.set_distribution(None)
        >>> lm.distribution.distribution() is None
        True
    """
    global _current
    _current = value
    if value is None:
        placement.assign(Placement())
        return
    placement.assign(value.placement)
    settings.engine = "xla"


def arrange(model: Any) -> None:
    """Divide the weights of a model as the distribution in force says; without one, do nothing.

    Args:
        model: a model whose weights are built.
    """
    if _current is not None:
        _current.arrange(model)


def paths(model: Any) -> Mapping[str, Variable]:
    """The weights of a model by their paths: names of layers, then of the weight."""
    return saved_weights(model)
