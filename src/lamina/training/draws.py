"""Random numbers in programs where no key is given: in custom steps, in evaluation, in
prediction. Each run of a program draws others, and a run that is repeated the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np

from lamina.operations import random_keys
from lamina.tensor import Tensor
from lamina.variables import Variable


@contextmanager
def drawing(key: Callable[[], Tensor], count: Variable) -> Iterator[None]:
    """Within: keys are derived from `key` and the count, which rises if one was
    asked for. Programs that draw nothing read neither."""
    with random_keys.key_scope(lambda: random_keys.fold_in(key(), count.read())) as scope:
        yield
    if scope.requests:
        count.assign_add(1)


class Draws:
    """The state of what a model's prediction draws: a key, and how many programs have run."""

    def __init__(self) -> None:
        key = np.asarray(random_keys.scoped_key("predict"))
        self.key = Variable(key, trainable=False, name="key")
        self.count = Variable(np.int32(0), trainable=False, name="count")

    def scope(self) -> AbstractContextManager[None]:
        return drawing(self.key.read, self.count)
