"""The rows of a batch that this process reads, and batches joined from the parts of all."""

from __future__ import annotations

import numpy as np

from lamina.distribution.layouts import distribution
from lamina.distribution.processes import process_count
from lamina.engines import placement


def own_rows(count: int) -> slice | None:
    """Return the rows of a batch of `count` that the devices of this process need; None for all."""
    from lamina.engines.xla import shardings

    return shardings.own_rows(placement.current(), count)


def reads_parts() -> bool:
    """True if several processes divide the batches of a Dataset among them."""
    current = distribution()
    return process_count() > 1 and current is not None and current.auto_shard_dataset


def joined(part: np.ndarray, whole: int) -> np.ndarray:
    """Return a substitute for the batch of `whole` rows of which this process has a part: zeros
    that take no memory. Programs read the values, which are on the devices of all processes."""
    from lamina.engines.xla import transfer

    return transfer.joined(placement.current(), part, whole)
