"""Work done ahead in background threads, its results in order.

NumPy, Pillow and compiled programs let go of the interpreter's lock while they work, so the next
batches are made while a training step runs.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from lamina.settings import available_cpus

S = TypeVar("S")
T = TypeVar("T")
MOST_WORKERS = 8


def default_workers() -> int:
    """Threads for work that keeps a processor busy: one for each that there is, at most 8."""
    return min(available_cpus(), MOST_WORKERS)


def in_order(
    make: Callable[[S], T], numbers: Iterable[S], workers: int, ahead: int
) -> Generator[T, None, None]:
    """make(n) for each n, in order, made by `workers` threads before they are asked for.

    At most `ahead` of them are being made or waiting at any time (no fewer than there are workers),
    which bounds the memory. What `make` raises comes out where its result would have. When the loop
    over this ends or is left, nothing of it runs any more. Settings made in a `with` block hold in
    the threads too. workers = 0: no threads, each is made when it is asked for.
    """
    if not workers:
        yield from map(make, numbers)
        return
    rest = iter(numbers)
    waiting: deque[Future[T]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="lamina-data")

    def begin(count: int) -> None:
        for number in itertools.islice(rest, count):
            waiting.append(pool.submit(copy_context().run, make, number))

    try:
        begin(max(workers, ahead))
        while waiting:
            result = waiting.popleft().result()
            begin(1)
            yield result
            del result  # before the wait for the next, so that its memory is free by then
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
