"""Arrays and their values on devices: copies, and values fetched from all of them."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np

from lamina.engines import residence
from lamina.engines.placement import Placement
from lamina.engines.xla import backend, processes, shardings
from lamina.engines.xla.elementwise import jax_dtype
from lamina.ir.types import DType


def placed(array: np.ndarray, dtype: np.dtype, sharding: Any, *, may_alias: bool) -> Any:
    """The array on the devices of a sharding; of several processes, each places its own part."""
    given = array.view(dtype)
    if sharding.is_fully_addressable:
        return jax.device_put(given, sharding, may_alias=may_alias)
    return jax.make_array_from_callback(given.shape, sharding, lambda part: given[part])


def fetched(value: Any, storage: np.dtype) -> np.ndarray:
    """The whole value as an array in separate memory, wherever its parts are."""
    if value.is_fully_addressable:
        return np.array(value).view(storage)
    if value.is_fully_replicated:
        return np.array(value.addressable_data(0)).view(storage)
    from jax.experimental import multihost_utils

    processes.join()
    return np.array(multihost_utils.process_allgather(value, tiled=True)).view(storage)


def joined(placement: Placement, part: np.ndarray, whole: int) -> np.ndarray:
    """Zeros of the shape of a batch of `whole` rows, whose value on the devices is joined from the
    parts of all processes."""
    layout = (placement.batch, *[None] * (part.ndim - 1))
    sharding = shardings.sharding(placement, layout)
    shape = (whole, *part.shape[1:])
    with backend.wide():
        value = jax.make_array_from_process_local_data(sharding, part, shape)
    stand_in = np.broadcast_to(np.zeros((), part.dtype), shape)
    keep(stand_in, value, newer=False)
    return stand_in


def keep(array: np.ndarray, value: Any, newer: bool) -> None:
    """Note the value of an array on the devices."""
    residence.keep(array, value, newer, partial(fetched, storage=array.dtype))


def copied(array: np.ndarray, dtype: DType, device: str) -> np.ndarray:
    """A view of an array that is not written, with a copy on the device of this name."""
    sharding = jax.sharding.SingleDeviceSharding(shardings.device(device))
    with backend.wide():
        value = placed(np.ascontiguousarray(array), jax_dtype(dtype), sharding, may_alias=False)
    view = array.view()
    place = device if ":" in device else f"{device}:0"
    residence.keep(view, value, False, partial(fetched, storage=array.dtype), place)
    return view
