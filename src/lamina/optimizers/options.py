"""The arguments that all optimizers have in common, and their checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypedDict

from lamina.arguments import FLAG, Checks, Integer, Number
from lamina.errors import ArgumentError, RangeError
from lamina.schedules import LearningRateSchedule
from lamina.tensor import Tensor

if TYPE_CHECKING:
    from lamina.optimizers.base import Optimizer

Slots = dict[str, Tensor]
Rate = float | LearningRateSchedule | Callable[[Any], Any]


class Options(TypedDict, total=False):
    """The arguments that all optimizers have in common; see `Optimizer`."""

    weight_decay: float | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None


# what the arguments of optimizers may be; of those without bounds here the classes say more
OPTIONS: Checks = {
    **dict.fromkeys(("amsgrad", "centered", "nesterov", "relative_step", "use_ema"), FLAG),
    **dict.fromkeys(("beta_1", "beta_2", "rho"), Number(0, 1)),
    **dict.fromkeys(("epsilon", "epsilon_1", "epsilon_2"), Number(0)),
    **dict.fromkeys(("clipnorm", "clipvalue", "global_clipnorm"), Number(optional=True)),
    **dict.fromkeys(("beta", "beta_2_decay", "ema_momentum", "momentum"), Number()),
    **dict.fromkeys(("l1_regularization_strength", "l2_regularization_strength"), Number()),
    "clip_threshold": Number(above=0),
    "ema_overwrite_frequency": Integer(optional=True),
    "gradient_accumulation_steps": Integer(optional=True),
    "initial_accumulator_value": Number(),
    "l2_shrinkage_regularization_strength": Number(),
    "learning_rate_power": Number(),
    "loss_scale_factor": Number(above=0, optional=True),
    "weight_decay": Number(0, optional=True),
}


def check_options(optimizer: Optimizer) -> None:
    """Raise RangeError for options out of range, and ArgumentError for two kinds of clipping."""
    clips = {
        key: getattr(optimizer, key)
        for key in ("clipnorm", "clipvalue", "global_clipnorm")
        if getattr(optimizer, key) is not None
    }
    if len(clips) > 1:
        raise ArgumentError(f"{optimizer.name}: only one kind of clipping at a time; got {clips}")
    for key, value in clips.items():
        _need(value > 0, optimizer.name, key, "above 0", value)
    _need(
        0 <= optimizer.ema_momentum <= 1,
        optimizer.name,
        "ema_momentum",
        "0 to 1",
        optimizer.ema_momentum,
    )
    steps, every = optimizer.gradient_accumulation_steps, optimizer.ema_overwrite_frequency
    _need(
        steps is None or steps >= 2,
        *(optimizer.name, "gradient_accumulation_steps", "2 or more, or None", steps),
    )
    _need(
        every is None or every >= 1,
        *(optimizer.name, "ema_overwrite_frequency", "1 or more, or None", every),
    )


def _need(condition: bool, owner: str, argument: str, wanted: str, value: object) -> None:
    if not condition:
        raise RangeError(f"{owner}: {argument} must be {wanted}, not {value}")
