"""The context of a layer's call: the caller, the mode, and the source of random keys for weights.

Root    one per outermost model: the seed of its weights and the names in use
Scope   a root and the path of a layer below it
Frame   a call in progress: layer, scope, training or not, losses added so far
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from lamina import context
from lamina.initializers.sources import next_seed


class Root:
    """The state that the layers of an outermost model share while they are built.

    The seed is drawn from the global stream when the first weight is created: after
    `set_random_seed(n)` a program creates the same weights again, and two equal models built one
    after the other have different weights.
    """

    def __init__(self) -> None:
        self.names = Names()
        self._seed: int | None = None

    @property
    def seed(self) -> int:
        if self._seed is None:
            self._seed = next_seed()
        return self._seed


class Scope:
    """A location below a root: the path of a layer, without the name of the outermost model."""

    __slots__ = ("path", "root")

    def __init__(self, root: Root | None = None, path: str = "") -> None:
        self.root = root or Root()
        self.path = path

    def child(self, name: str) -> Scope:
        return Scope(self.root, f"{self.path}/{name}" if self.path else name)

    def key(self, weight: str) -> str:
        """Return the random key of a weight's initial values."""
        return f"{self.root.seed}/{self.child(weight).path}"


class Frame:
    """A call or build of a layer in progress.

    stray_in: the layer that created this layer in its own call and does not hold it; otherwise
    None.
    """

    __slots__ = ("is_build", "layer", "losses", "scope", "stray_in", "training")

    def __init__(self, layer: Any, scope: Scope, training: bool | None, losses: list[Any]) -> None:
        self.layer, self.scope, self.training, self.losses = layer, scope, training, losses
        self.is_build = False
        self.stray_in: Any = None


Watcher = Callable[[Any, Any], None]


def current() -> Frame | None:
    frames = context.current().frames
    return frames[-1] if frames else None


def stray() -> Frame | None:
    """Return the frame of a layer that no layer holds, if one is being called."""
    return next((frame for frame in context.current().frames if frame.stray_in is not None), None)


@contextmanager
def entered(
    layer: Any, training: bool | None = None, scope: Scope | None = None
) -> Iterator[Frame]:
    """Context of a call of `layer`. Without an explicit `training` the mode of the caller applies;
    None leaves it to the layer. A frozen layer is always in inference mode."""
    outer = current()
    if training is None:
        training = outer.training if outer is not None else None
    if not layer.trainable:
        training = False
    if scope is None:
        scope = outer.scope.child(layer.name) if outer is not None else Scope()
    losses = outer.losses if outer is not None else []
    frame = Frame(layer, scope, training if training is None else bool(training), losses)
    here = context.current()
    with context.entered(frames=(*here.frames, frame), autocast=layer._autocast_dtype()):
        if here.spans is None:
            yield frame
        else:
            with here.spans.of_layer(scope.path or layer.name):
                yield frame


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Context in which `watcher(layer, outputs)` is called at the end of each call of a layer."""
    with context.entered(watchers=(*context.current().watchers, watcher)):
        yield


def told(layer: Any, outputs: Any) -> None:
    """Pass the outputs of a layer to the watchers."""
    for watcher in context.current().watchers:
        watcher(layer, outputs)


class Names(set[str]):
    """The numbers in use for each name."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        super().__init__(names)
        self.counts: dict[str, int] = {}


def unique(name: str, taken: set[str]) -> str:
    """Return the first of name, name_1, name_2, ... that is not in use, and mark it as used."""
    counts = taken.counts if isinstance(taken, Names) else {}
    count = counts.get(name, 0)
    candidate = f"{name}_{count}" if count else name
    while candidate in taken:
        count += 1
        candidate = f"{name}_{count}"
    counts[name] = count
    taken.add(candidate)
    return candidate
