"""Programs of the xla engine as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.engines import engine
from lamina.errors import need_extra
from lamina.inspect.subject import subject
from lamina.settings import settings


def stablehlo(f: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """Return f(*args, **kwargs) as a StableHLO program: what the xla engine gives to XLA.

    Sizes are those of the arguments. Programs that read StableHLO can run the text.

    Args:
        f: function of tensors, what `compile` returned, a model or its stream.

    Raises:
        MissingExtraError: the xla engine needs jax.

    Example:
        >>> import lamina as lm
        >>> text = lm.inspect.stablehlo(lambda x: x + 1, lm.ones(4))  # doctest: +SKIP
        >>> "stablehlo.add" in text  # doctest: +SKIP
        True
    """
    text: str = _program(f, args, kwargs)[0].as_text()
    return text


def hlo(f: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """Return f(*args, **kwargs) as XLA has compiled it: its fusions, and exchanges between devices.

    Args:
        f: function of tensors, what `compile` returned, a model or its stream.

    Raises:
        MissingExtraError: the xla engine needs jax.

    Example:
        >>> import lamina as lm
        >>> text = lm.inspect.hlo(lambda x: x + 1, lm.ones(4))  # doctest: +SKIP
        >>> text.startswith("HloModule")  # doctest: +SKIP
        True
    """
    text: str = _program(f, args, kwargs)[1].as_text()
    return text


def _program(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """The program before and after compilation."""
    need_extra("jax", "xla", "the xla engine")
    from lamina.engines.xla.engine import XlaEngine

    seen = subject(f, args, kwargs)
    with settings(compare=False):
        xla = engine("xla")
    assert isinstance(xla, XlaEngine)
    return xla.compile(seen.recorded, seen.updates, held=seen.updates).inside(seen.arrays)
