"""The two ends that all networks of the zoo share: images in, classes or features out; weights."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lamina.annotations import ActivationLike, PathLike
from lamina.errors import ArgumentError, RangeError, ShapeError
from lamina.layers import Dense, GlobalAveragePooling2D, GlobalMaxPooling2D, Input
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.weights import Arrays, arrays_of_torch, assign_layers

Shape = tuple[int | None, ...]
Network = Callable[..., Model]
CLASSES = 1000
"""Classes of ImageNet's challenge."""
MEANS = (0.485, 0.456, 0.406)
DEVIATIONS = (0.229, 0.224, 0.225)
"""Of ImageNet's channels red, green and blue, of pixels from 0 to 1."""


@dataclass(frozen=True)
class Options:
    """The arguments that all networks have.

    Args:
        name: name of the model.
        include_top: end with the classes; False ends with features.
        weights: path of a file with weights, "imagenet", or None for random ones.
        input_tensor: symbolic images; None makes an Input.
        input_shape: shape of the images (height, width, channels).
        pooling: "avg" or "max" over all positions of the features; None keeps them.
        classes: number of classes.
        classifier_activation: activation of the classes; None gives logits.
    """

    name: str
    include_top: bool
    weights: PathLike | None
    input_tensor: Tensor | None
    input_shape: Shape | None
    pooling: str | None
    classes: int
    classifier_activation: ActivationLike

    def __post_init__(self) -> None:
        weights = self.weights
        is_file = weights is not None and weights != "imagenet" and os.path.exists(weights)
        if weights not in (None, "imagenet") and not is_file:
            raise ArgumentError(
                f"{self.name}: weights are {str(weights)!r} (expected None, 'imagenet' or the path "
                "of a file that exists)"
            )
        if weights == "imagenet" and self.include_top and self.classes != CLASSES:
            raise ArgumentError(
                f"{self.name}: weights='imagenet' are of {CLASSES} classes, got "
                f"classes={self.classes}",
                hint="pass include_top=False and add a Dense layer, or weights=None",
            )
        if self.pooling not in (None, "avg", "max"):
            raise ArgumentError(
                f"{self.name}: pooling is {self.pooling!r} (expected None, 'avg' or 'max')"
            )

    @cached_property
    def arrays(self) -> Arrays | None:
        """The arrays of a file with the names of PyTorch, None for weights of another kind."""
        if self.weights in (None, "imagenet") or self.weights is None:
            return None
        return arrays_of_torch(self.weights)

    @property
    def torch(self) -> bool:
        """True for weights of torchvision, for which a network has its padding and epsilons."""
        return self.arrays is not None

    def images(self, size: int, least: int, flat: bool = False) -> Tensor:
        """Return the input of the network.

        Args:
            size: height and width for which the network was made.
            least: smallest height and width.
            flat: the classes need a known size, since they see every position.
        """
        if self.input_tensor is not None:
            return self.input_tensor
        shape = self.input_shape
        if shape is None:
            shape = (size, size, 3) if self.include_top else (None, None, 3)
        if len(shape) != 3:
            raise ShapeError(
                f"{self.name}: input_shape is {shape} (expected (height, width, channels))"
            )
        if any(n is not None and n < least for n in shape[:2]):
            raise RangeError(
                f"{self.name}: images of shape {shape} are too small (expected at least {least} x "
                f"{least})"
            )
        if flat and self.include_top and None in shape:
            raise ShapeError(
                f"{self.name}: with include_top=True the size of the images must be known "
                f"(expected input_shape=({size}, {size}, 3), got {shape})"
            )
        return Input(shape)

    def classified(self, x: Tensor, name: str = "predictions") -> Tensor:
        """Return the classes of features that are a vector for each image.

        Args:
            x: features.
            name: name of the layer.
        """
        return Dense(self.classes, self.classifier_activation, name=name)(x)

    def pooled(self, x: Tensor) -> Tensor:
        """Return the features of a network without classes."""
        if self.pooling == "avg":
            return GlobalAveragePooling2D(name="avg_pool")(x)
        return GlobalMaxPooling2D(name="max_pool")(x) if self.pooling == "max" else x

    def ended(self, x: Tensor) -> Tensor:
        """Return the end that most networks have: the mean of the features, then the classes."""
        if not self.include_top:
            return self.pooled(x)
        return self.classified(GlobalAveragePooling2D(name="avg_pool")(x))

    def model(
        self,
        inputs: Tensor,
        outputs: Tensor,
        names: Callable[[str], str] | None = None,
        flattened: Mapping[str, tuple[Any, ...]] | None = None,
    ) -> Model:
        """Return the model with its weights.

        Args:
            inputs: images.
            outputs: classes or features.
            names: function from torchvision's name of a module to that of a layer; None if modules
                and layers have the same order.
            flattened: names of Dense layers behind a Flatten, and the shapes that it flattens.
        """
        source: Any = inputs
        model = Model(source, outputs, name=self.name)
        if self.weights == "imagenet":
            from lamina.zoo.imagenet import path_of

            model.load_weights(path_of(self.name, self.include_top))
        elif self.weights is not None and self.arrays is not None:
            assign_layers(model, self.arrays, names, self.weights, flattened)
        elif self.weights is not None:
            model.load_weights(self.weights)
        return model


ARGUMENTS = {
    "include_top": "end with the classes; False ends with features.",
    "include_preprocessing": "scale pixels from 0 to 255 in the network.",
    "weights": 'path of a file with weights, "imagenet" for those trained on ImageNet, or None\n'
    "            for random ones.",
    "input_tensor": "symbolic images; None makes an Input.",
    "input_shape": "shape of the images (height, width, channels); by default that of the paper\n"
    "            with the classes, and open without them.",
    "pooling": '"avg" or "max" over all positions of the features; None keeps them.',
    "classes": "number of classes.",
    "classifier_activation": "activation of the classes; None gives logits.",
    "name": "name of the model.",
}
"""What the arguments mean that networks have in common."""


def described(make: Network, name: str, title: str, parameters: int, source: str) -> Network:
    """Return a function that makes one size of a network, with name and docstring.

    Args:
        make: the function.
        name: its name in `lamina.zoo`.
        title: the network that it returns, for the docstring.
        parameters: number of parameters.
        source: the paper.
    """
    arguments = inspect.signature(make).parameters
    listed = "\n".join(f"        {each}: {ARGUMENTS[each]}" for each in arguments)
    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"""Return {title}.

    Args:
{listed}

    Shapes:
        (batch, height, width, channels) -> (batch, classes), or features

    Example:
        >>> import lamina as lm
        >>> lm.zoo.{name}(weights=None).count_params()  # doctest: +SKIP
        {parameters}

    Source: {source}.
    """
    return make


def divisible(filters: float, by: int = 8) -> int:
    """Return a number of filters that `by` divides, less than the given one by at most a tenth."""
    rounded = max(by, int(filters + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * filters else rounded
