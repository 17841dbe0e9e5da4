"""`tf.summary`: errors that name the callbacks which write the course of a training."""

from typing import Any, NoReturn

from lamina.errors import StateError
from lamina.tf.naming import public


def create_file_writer(logdir: Any, *_: Any, **__: Any) -> NoReturn:
    """Raise StateError: callbacks of `fit` write the course of a training."""
    raise StateError(
        "tf.summary.create_file_writer: Lamina does not write summaries outside of fit",
        hint="keras.callbacks.TensorBoard(log_dir) writes the metrics of each epoch, "
        "lamina.plot.history draws them",
    )


public(
    __name__,
    None,
    None,
    dict.fromkeys(
        ("scalar", "image", "histogram", "text", "audio", "trace_on", "graph"),
        "keras.callbacks.TensorBoard",
    ),
)
