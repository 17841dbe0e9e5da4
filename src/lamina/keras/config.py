"""`keras.config`: defaults of the whole process (`lamina.defaults`); `lamina.settings` has more."""

from __future__ import annotations

from typing import Any

from lamina import arguments, dtype_policies, namespaces
from lamina.defaults import DEFAULTS, IMAGE_DATA_FORMATS
from lamina.dtype_policies import DTypePolicy
from lamina.errors import ArgumentError, describe, unknown_name, warn

FLOATS = ("float32", "float64", "bfloat16", "float16")

__all__ = [
    "backend",
    "disable_flash_attention",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_flash_attention",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "enable_unsafe_deserialization",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_nnx_enabled",
    "is_traceback_filtering_enabled",
    "max_epochs",
    "max_steps_per_epoch",
    "set_backend",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_max_epochs",
    "set_max_steps_per_epoch",
]


# ---- numbers -----------------------------------------------------------------------------------
def backend() -> str:
    """Return the name of the framework that computes, "lamina"."""
    return "lamina"


def set_backend(backend: str) -> None:
    """Accept "lamina", the only framework that computes.

    Args:
        backend: "lamina".

    Raises:
        ArgumentError: for any other name.
    """
    if backend != "lamina":
        raise ArgumentError(
            f"set_backend: unknown backend (expected 'lamina', got {backend!r})",
            hint="lm.settings.engine chooses what compiles programs: 'llvm' or 'xla'",
        )


def floatx() -> str:
    """Return the default floating dtype of weights and inputs, "float32" at first."""
    return DEFAULTS.floatx


def set_floatx(value: str) -> None:
    """Set the default floating dtype of layers, Variables, and NumPy's float64 in Keras' functions.

    Training with variables of 16 bits loses small updates; `set_dtype_policy("mixed_bfloat16")`
    keeps variables in float32.

    Args:
        value: "float32", "float64", "bfloat16" or "float16".

    Raises:
        ArgumentError: for any other dtype.

    Example:
        >>> from lamina import keras
        >>> keras.config.set_floatx("float64")
        >>> keras.layers.Dense(1).dtype
        'float64'
        >>> keras.config.set_floatx("float32")
    """
    if str(value) not in FLOATS:
        raise ArgumentError(
            f"set_floatx: unknown dtype (expected one of {', '.join(FLOATS)}, got {value!r})"
        )
    DEFAULTS.floatx = str(value)


def epsilon() -> float:
    """Return the small number that keeps divisions and logarithms finite, 1e-7 at first."""
    return DEFAULTS.epsilon


def set_epsilon(value: float) -> None:
    """Set what `epsilon()` returns. Losses and metrics keep 1e-7.

    Args:
        value: small positive number.
    """
    DEFAULTS.epsilon = arguments.number("set_epsilon", "value", value, 0)


def image_data_format() -> str:
    """Return the default `data_format` of layers on images, "channels_last" at first."""
    return DEFAULTS.image_data_format


def set_image_data_format(data_format: str) -> None:
    """Set the `data_format` of layers and operations on images that are made without one.

    Args:
        data_format: "channels_last" or "channels_first".

    Raises:
        UnknownNameError: for any other name.

    Example:
        >>> from lamina import keras
        >>> keras.config.set_image_data_format("channels_first")
        >>> keras.layers.Conv2D(4, 3).data_format
        'channels_first'
        >>> keras.config.set_image_data_format("channels_last")
    """
    found = str(data_format).lower()
    if found not in IMAGE_DATA_FORMATS:
        raise unknown_name("data_format", data_format, IMAGE_DATA_FORMATS)
    DEFAULTS.image_data_format = found


# ---- dtypes ------------------------------------------------------------------------------------
def dtype_policy() -> DTypePolicy:
    """Return the policy of layers that are made without a `dtype`."""
    return dtype_policies.current()


def set_dtype_policy(policy: Any) -> None:
    """Set the policy of layers that are made from here on without a `dtype`.

    Args:
        policy: DTypePolicy, or the name of one, such as "mixed_bfloat16" or "float64".

    Example:
        >>> from lamina import keras
        >>> keras.config.set_dtype_policy("float64")
        >>> keras.layers.Dense(1).dtype_policy
        <DTypePolicy "float64">
        >>> keras.config.set_dtype_policy("float32")
    """
    if not isinstance(policy, (str, DTypePolicy)):
        raise ArgumentError(
            f"set_dtype_policy: expected a DTypePolicy or its name, got {describe(policy)}"
        )
    DEFAULTS.dtype_policy = dtype_policies.get(policy)


# ---- training ----------------------------------------------------------------------------------
def max_epochs() -> int | None:
    """Return the largest number of epochs of a `fit`; None for no limit."""
    return DEFAULTS.max_epochs


def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the number of epochs of every `fit`, to try out a program.

    Args:
        max_epochs: largest number of epochs; None for no limit.
    """
    DEFAULTS.max_epochs = _limit("set_max_epochs", "max_epochs", max_epochs)


def max_steps_per_epoch() -> int | None:
    """Return the largest number of steps of an epoch; None for no limit."""
    return DEFAULTS.max_steps_per_epoch


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit the steps of every epoch, evaluation and prediction, to try out a program.

    Args:
        max_steps_per_epoch: largest number of steps; None for no limit.
    """
    DEFAULTS.max_steps_per_epoch = _limit(
        "set_max_steps_per_epoch", "max_steps_per_epoch", max_steps_per_epoch
    )


def _limit(owner: str, name: str, value: Any) -> int | None:
    return arguments.integer(owner, name, value, 1, optional=True)


def enable_interactive_logging() -> None:
    """Draw the progress of training on standard output, as at first."""
    DEFAULTS.interactive_logging = True


def disable_interactive_logging() -> None:
    """Send the lines of progress to the logger "lamina" of Python's `logging`."""
    DEFAULTS.interactive_logging = False


def is_interactive_logging_enabled() -> bool:
    """True if progress is drawn on standard output."""
    return DEFAULTS.interactive_logging


# ---- switches of Keras that decide nothing here ------------------------------------------------
def enable_traceback_filtering() -> None:
    """Note the switch for `is_traceback_filtering_enabled`; Lamina shows tracebacks as they are."""
    DEFAULTS.traceback_filtering = True


def disable_traceback_filtering() -> None:
    """Note the switch for `is_traceback_filtering_enabled`; Lamina shows tracebacks as they are."""
    DEFAULTS.traceback_filtering = False


def is_traceback_filtering_enabled() -> bool:
    """True unless `disable_traceback_filtering` was called; without effect."""
    return DEFAULTS.traceback_filtering


def enable_flash_attention() -> None:
    """Note the switch for `is_flash_attention_enabled`; the compiler tiles attention by itself."""
    DEFAULTS.flash_attention = True


def disable_flash_attention() -> None:
    """Note the switch for `is_flash_attention_enabled`; the compiler tiles attention by itself."""
    DEFAULTS.flash_attention = False


def is_flash_attention_enabled() -> bool | None:
    """Return what was set; None at first. Without effect."""
    return DEFAULTS.flash_attention


def is_nnx_enabled() -> bool:
    """Return False: Lamina has no Flax NNX."""
    return False


def enable_unsafe_deserialization() -> None:
    """Warn: files of Lamina never hold code, so that none can be allowed to run."""
    warn(
        "enable_unsafe_deserialization has no effect: files of models hold data only, and never "
        "code; give load_model your functions in custom_objects"
    )


namespaces.declare(__name__)
