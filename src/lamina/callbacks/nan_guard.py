"""NaNGuard: where the first NaN or infinity of a training came from."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import numpy as np

from lamina import tree
from lamina.arguments import FLAG, Checks, optional_path
from lamina.callbacks.base import Callback, Logs
from lamina.errors import StateError
from lamina.training.guarding import Guard, NonFinite


class NaNGuard(Callback):
    """A callback that finds the operation that made the first NaN or infinity, and keeps the batch.

    The loss is checked after each native call, weights and optimizer so often that this takes a few
    percent of the time. After a check that fails, the steps since the last good state run again one
    by one, up to the first that makes a value that is not finite; the reference engine computes
    that step operation by operation. Infinities that reach neither loss nor weights, such as those
    of masks, are ignored.

    Afterwards the model has the weights and the optimizer's state from before that step, so that
    `model.train_on_batch(guard.found.x, guard.found.y)` makes the step again. `found` has the
    numbers `epoch`, `batch` and `step` (from 0), the batch as `x`, `y` and `sample_weight`, and
    `origin` with `operation`, `direction` ("forward", "backward" or "update"), `layer`, `value`
    ("nan", "inf" or "-inf"), `result`, `operands` and `iteration` (of a loop).

    Args:
        filepath: `.npz` file in which the batch is written ("x", "y" and "sample_weight"; with
            several arrays "x_0", "x_1", ...); None writes none.
        raise_error: raise StateError, a RuntimeError; False prints the message and ends `fit`.

    Raises:
        StateError: in `fit`, at the first value that is not finite.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Lambda(lm.log, name="log")])
        >>> model.add(lm.layers.Dense(1))
        >>> model.compile("sgd", "mse")
        >>> guard = lm.callbacks.NaNGuard(raise_error=False)
        >>> x, y = lm.asarray([[1.0, -1.0]]), lm.ones((1, 1))
        >>> history = model.fit(x, y, verbose=0, callbacks=[guard])
        NaNGuard: epoch 1, batch 1 (step 0): log made nan in layer 'log' (forward; ...
        >>> guard.found.origin.operands
        ('float32 (1, 2) in [-1, 1]',)
    """

    each_batch = False
    places = ("filepath",)
    argument_checks: ClassVar[Checks] = {"filepath": optional_path, "raise_error": FLAG}

    def __init__(
        self, filepath: str | os.PathLike[str] | None = None, raise_error: bool = True
    ) -> None:
        super().__init__()
        self.filepath, self.raise_error = filepath, raise_error
        self.found: NonFinite | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.found, self.guard = None, Guard(self._tell)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.guard = None  # with its copies of the state

    def get_state(self) -> dict[str, Any]:
        return {}

    def _tell(self, found: NonFinite) -> None:
        self.found, self.guard = found, None
        if self.filepath is not None and found.x is not None:
            np.savez(self.filepath, allow_pickle=False, **_named(found))
        if self.raise_error:
            raise StateError(
                f"NaNGuard: {found}",
                hint="the weights are those before this step, and the callback's attribute "
                "found.x, found.y is the batch; try a smaller learning rate, clip gradients "
                "(clipnorm=1.0), or keep the operation's operands within its domain",
            )
        print(f"NaNGuard: {found}")
        self.model.stop_training = True


def _named(found: NonFinite) -> dict[str, np.ndarray]:
    """The arrays of a batch by role; several of one role are numbered."""
    named: dict[str, np.ndarray] = {}
    for role in ("x", "y", "sample_weight"):
        arrays = [
            np.asarray(leaf) for leaf in tree.leaves(getattr(found, role)) if leaf is not None
        ]
        for k, array in enumerate(arrays):
            named[role if len(arrays) == 1 else f"{role}_{k}"] = array
    return named
