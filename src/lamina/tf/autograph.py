"""`tf.autograph`: functions are recorded as they are, so that there is nothing to convert."""

from types import SimpleNamespace
from typing import Any

from lamina.tf.control import same
from lamina.tf.naming import public


def set_verbosity(*_: Any, **__: Any) -> None:
    """Accepted, without an effect."""


public(
    __name__,
    {
        "experimental": SimpleNamespace(
            do_not_convert=same, set_loop_options=set_verbosity, Feature=None
        )
    },
    None,
    {
        "to_code": "lamina.inspect shows the program of a compiled function",
        "to_graph": "lamina.compile",
    },
)
