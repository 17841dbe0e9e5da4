"""First values of weights; names, defaults and formulas as in Keras 3.

Values are drawn with NumPy, so nothing is compiled to build a model. Inside a layer the draw
depends on the global seed, the place of the layer in its model and the name of the weight, and on
nothing else: another layer added to a model does not change the first values of the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina import namespaces
from lamina.annotations import InitializerLike
from lamina.initializers.constants import Constant, Identity, Ones, Zeros
from lamina.initializers.distributions import RandomNormal, RandomUniform, TruncatedNormal
from lamina.initializers.scaled import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
)
from lamina.initializers.scaled import (
    compute_fans as compute_fans,
)
from lamina.initializers.sources import Initializer
from lamina.initializers.structured import STFT, Orthogonal
from lamina.registry import Registry
from lamina.variables import named_initializers

# ---- names -------------------------------------------------------------------------------------
constant, zeros, ones, identity = Constant, Zeros, Ones, Identity
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling, orthogonal = VarianceScaling, Orthogonal
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal, lecun_uniform, lecun_normal = HeUniform, HeNormal, LecunUniform, LecunNormal
IdentityInitializer, OrthogonalInitializer, STFTInitializer = Identity, Orthogonal, STFT
stft = STFT

# fmt: off
_CLASSES: list[type[Initializer]] = [
    Constant, Zeros, Ones, Identity, RandomNormal, TruncatedNormal, RandomUniform, VarianceScaling,
    GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal, Orthogonal, STFT,
]
# fmt: on
_REGISTRY = Registry("initializer", Initializer.family, _CLASSES)


def get(identifier: InitializerLike) -> Any:
    """Return the initializer of a name or configuration.

    Args:
        identifier: None, a name such as "glorot_uniform", a configuration, a class, an Initializer,
            or a function (shape, dtype).

    Raises:
        UnknownNameError: for an unknown name, with the nearest known names.

    Example:
        >>> import lamina as lm
        >>> lm.initializers.get("ones")((2,)).tolist()
        [1.0, 1.0]
    """
    return _REGISTRY.get(identifier)


named_initializers.append(get)


def serialize(initializer: InitializerLike) -> Any:
    """Return an initializer as JSON data, for `deserialize`.

    Args:
        initializer: initializer to describe.

    Example:
        >>> import lamina as lm
        >>> lm.initializers.serialize(lm.initializers.Constant(0.5))["class_name"]
        'Constant'
    """
    return _REGISTRY.serialize(initializer)


def deserialize(
    config: Mapping[str, Any] | str | None, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """Return the initializer that `serialize` described.

    Args:
        config: dictionary that `serialize` returned.
        custom_objects: dictionary from name to class or function of the caller's own.

    Example:
        >>> import lamina as lm
        >>> config = lm.initializers.serialize(lm.initializers.Constant(0.5))
        >>> lm.initializers.deserialize(config).value
        0.5
    """
    return _REGISTRY.deserialize(config, custom_objects) if config is not None else None


# fmt: off
__all__ = [
    "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity",
    "IdentityInitializer", "Initializer", "LecunNormal", "LecunUniform", "Ones", "Orthogonal",
    "OrthogonalInitializer", "RandomNormal", "RandomUniform", "STFT", "STFTInitializer",
    "TruncatedNormal", "VarianceScaling", "Zeros", "compute_fans", "constant", "deserialize", "get",
    "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "identity", "lecun_normal",
    "lecun_uniform", "ones", "orthogonal", "random_normal", "random_uniform", "serialize", "stft",
    "truncated_normal", "variance_scaling", "zeros",
]
# fmt: on

namespaces.declare(__name__)
