"""resume: continue an interrupted `fit` from its folder alone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lamina import callbacks as kinds
from lamina.annotations import DataLike
from lamina.callbacks.base import Callback
from lamina.errors import ArgumentError, FileFormatError, LaminaError
from lamina.files import checked_name, read_text
from lamina.models.model import Model
from lamina.saving import json_data
from lamina.saving.models import load_model
from lamina.training.checkpoints import ARGUMENTS, FORMAT, GIVEN_AGAIN, MODEL, RUN
from lamina.training.options import FitOptions


def resume(
    directory: str | os.PathLike[str],
    x: DataLike | None = None,
    y: DataLike | None = None,
    *,
    callbacks: Callback | Iterable[Callback] | None = None,
    validation_data: Iterable[Any] | None = None,
    sample_weight: DataLike | None = None,
    epochs: int | None = None,
    every: str | int = "60s",
    verbose: str | int = "auto",
    custom_objects: Mapping[str, Any] | None = None,
) -> Model:
    """Continue the training whose `fit(..., checkpoint=directory)` was interrupted.

    The model, the arguments of `fit` and Lamina's own callbacks come from the folder; the data are
    given again, and callbacks too if some write outside of the folder. The result has the bits of
    a training that was never interrupted. A training that is complete is only loaded.

    Args:
        directory: folder that `fit` was given as `checkpoint`.
        x: inputs, as `fit` got them.
        y: targets, as `fit` got them.
        callbacks: callbacks, if `fit` had some of the user's own, or that write files elsewhere;
            None makes those of Lamina again.
        validation_data: the validation data that `fit` got.
        sample_weight: the weights of rows that `fit` got.
        epochs: another number of epochs; None is that of the interrupted `fit`.
        every: interval of further states: "60s", "5m", "2h", "epoch", or a number of steps.
        verbose: 0 prints nothing, 1 or "auto" a live line, 2 one line for each epoch.
        custom_objects: dictionary from name to class or function of the caller's own.

    Returns:
        The trained model; `model.history` is the history of all epochs.

    Raises:
        FileFormatError: if the folder does not hold a run.
        ArgumentError: if the run had callbacks or data that have to be given again: callbacks of
            the user's classes, or that write outside of the folder.
        StateError: if the data are not those of the run.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x, y = np.zeros((8, 2), "float32"), np.zeros((8, 1), "float32")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     history = model.fit(x, y, epochs=2, verbose=0, checkpoint=folder)
        ...     lm.resume(folder, x, y, epochs=3, verbose=0).history.epoch
        [0, 1, 2]
    """
    folder = Path(checked_name(directory))
    run = _run(folder)
    given: dict[str, Any] = {"validation_data": validation_data, "sample_weight": sample_weight}
    for name in run["data"]:
        if given[name] is None:
            raise ArgumentError(
                f"resume: {name} is missing (the run in {str(folder)!r} had some)",
                hint=f"give it again: resume(directory, x, y, {name}=...)",
            )
    if not (folder / MODEL).exists():
        raise FileFormatError(
            f"{folder}: holds no model, since only code could express it",
            hint="make the model as before, then model.fit(..., checkpoint=folder, resume=True)",
        )
    model: Model = load_model(folder / MODEL, custom_objects)
    arguments = run["fit"]
    if epochs is not None:
        arguments["epochs"] = epochs
    model.fit(
        x,
        y,
        **arguments,
        **given,
        callbacks=_callbacks(folder, run["callbacks"]) if callbacks is None else callbacks,
        verbose=verbose,
        checkpoint=folder,
        every=every,
        resume=True,
    )
    return model


def _run(folder: Path) -> dict[str, Any]:
    """The description of the run. Raises FileFormatError for a folder without one."""
    path = folder / RUN
    if not path.exists():
        raise FileFormatError(
            f"{folder}: holds no training (expected the folder that fit got as checkpoint)"
        )
    try:
        run = json_data.from_json(read_text(path).encode())
        complete = {**run, **FORMAT} == run and set(run["fit"]) == set(ARGUMENTS)
        complete = complete and set(run["data"]) <= set(GIVEN_AGAIN)
        complete = complete and isinstance(run["callbacks"], list)
        if complete and isinstance(weights := run["fit"]["class_weight"], list):
            run["fit"]["class_weight"] = {int(name): float(value) for name, value in weights}
        if complete:
            FitOptions(**run["fit"]).checked()
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise FileFormatError(f"{path}: is damaged: {error}") from error
    if not complete:
        raise FileFormatError(f"{path}: is not the description of a training by this version")
    return dict(run)


def _callbacks(folder: Path, described: list[Any]) -> list[Callback]:
    if None in described:
        raise ArgumentError(
            f"resume: callbacks are missing (the run in {str(folder)!r} had some that only code "
            "can make)",
            hint="give all of them again: resume(directory, x, y, callbacks=[...])",
        )
    return [_callback(folder, each) for each in described]


def _callback(folder: Path, described: Any) -> Callback:
    try:
        kind = getattr(kinds, described["class_name"])
        if not (isinstance(kind, type) and issubclass(kind, Callback)):
            raise TypeError(f"{described['class_name']} is not a callback")
        made: Callback = kind(**described["config"])
        outside = [name for name in kind.places if not _is_inside(folder, made, name)]
    except (AttributeError, TypeError, LookupError) as error:
        raise FileFormatError(f"{folder / RUN}: a callback cannot be made: {error}") from error
    except LaminaError as error:
        reason = f"{folder / RUN}: a callback cannot be made: {error.message}"
        raise FileFormatError(reason, hint=error.hint) from error
    if outside:
        raise ArgumentError(
            f"resume: callbacks are missing ({folder / RUN} asks for {kind.__name__} with a "
            f"{outside[0]} outside of the folder of the run, where a file may not write)",
            hint="give all of them again: resume(directory, x, y, callbacks=[...])",
        )
    return made


def _is_inside(folder: Path, made: Callback, name: str) -> bool:
    """True if the file that an argument names is in the folder: a name with simple fields only,
    such as {epoch:02d}."""
    value = getattr(made, name)
    if value is None:
        return True
    text = _FIELD.sub("0", os.fspath(value))
    plain = "{" not in text and "}" not in text and "://" not in text
    return plain and Path(text).resolve().is_relative_to(folder.resolve())


_FIELD = re.compile(r"\{\w+(:0?\d{0,2}(\.\d{1,2})?[dfeg]?)?\}")
