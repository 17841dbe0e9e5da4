"""Compile, fit, evaluate, predict, and single batches: what a model delegates to its session."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, overload

import numpy as np

from lamina import optimizers
from lamina.annotations import DataLike
from lamina.callbacks.base import Callback
from lamina.callbacks.history import History
from lamina.callbacks.several import CallbackList
from lamina.configuration import named_arguments
from lamina.errors import StateError
from lamina.layers._base.facts import label
from lamina.locks import MAKING
from lamina.losses.base import LossLike
from lamina.metrics.base import MetricLike
from lamina.models.trainee import Trainee, graph_of
from lamina.optimizers.base import OptimizerLike
from lamina.training.objectives import AS_IT_IS, Compilation
from lamina.training.options import MOST_ROWS, FitOptions, checked_verbose, count, need_data
from lamina.training.predict import Predictor, predict
from lamina.training.protocol import Logs
from lamina.training.session import Session

if TYPE_CHECKING:
    from lamina.models.model import Model

# With Any in a union, type checkers know the usual type and accept what other models return.
Prediction: TypeAlias = np.ndarray | Any
# What type checkers know of loss and metrics: nothing, since a union would forbid both
# `loss, accuracy = scores` and `scores < 0.1`; of a dictionary, that.
Scores: TypeAlias = Any


class Fitting:
    """The methods of Model that train, evaluate and predict; names and arguments as in Keras.

    A model holds a Session from `compile` on, and a Predictor from the first prediction on.
    """

    _session: Session | None = None
    _own_predictor: Predictor | None = None
    stop_training: bool = False
    stop_evaluating: bool = False
    stop_predicting: bool = False
    history: History | None = None

    @named_arguments
    def compile(
        self,
        optimizer: OptimizerLike = "rmsprop",
        loss: LossLike | Sequence[LossLike] = None,
        loss_weights: float | Sequence[float] | Mapping[str, float] | None = None,
        metrics: MetricLike | Sequence[Any] = None,
        weighted_metrics: MetricLike | Sequence[Any] = None,
        run_eagerly: bool = False,
        steps_per_execution: int | str | None = None,
        jit_compile: bool | str | None = None,
        auto_scale_loss: bool = True,
        *,
        engine: str | None = None,
    ) -> None:
        """Set optimizer, loss and metrics for training.

        Args:
            optimizer: name or Optimizer.
            loss: name, Loss, or function of (y_true, y_pred); for several outputs a list, or a
                dictionary by their names.
            loss_weights: factor of the loss of each output, as a list or dictionary; None weights
                all alike.
            metrics: list of names, Metrics or functions; "accuracy" is resolved by loss and shapes
                at the first data.
            weighted_metrics: metrics that also take sample weights.
            run_eagerly: run each step as plain Python, for a debugger; slow.
            steps_per_execution: number of steps after which callbacks are called that listen to
                batches; None and "auto" call them after each. Without such callbacks as many steps
                run in one call as fit into a tenth of a second.
            jit_compile: accepted for Keras; steps are always compiled.
            auto_scale_loss: with the dtype policy "mixed_float16", put the optimizer into a
                `LossScaleOptimizer`, so that small gradients do not become zero.
            engine: engine that executes the programs of this model, such as "xla"; None takes that
                of the settings at each call.

        Raises:
            UnknownNameError: for an unknown name, with the nearest known names.
            MissingExtraError: the xla engine needs jax.
        """
        for name in ("optimizer", "loss", "run_eagerly"):  # that the user's class assigned before
            self.__dict__.pop(name, None)
        optimizer = optimizers.get(optimizer)
        scales = auto_scale_loss and self._model.dtype_policy.name == "mixed_float16"
        if scales and not isinstance(optimizer, optimizers.LossScaleOptimizer):
            optimizer = optimizers.LossScaleOptimizer(optimizer)
        named = (loss, loss_weights, metrics, weighted_metrics)
        self._session = Session(
            Compilation.of(optimizer, *named, run_eagerly, engine, steps_per_execution)
        )

    # ---- many batches --------------------------------------------------------------------------
    @named_arguments
    def fit(
        self,
        x: DataLike | None = None,
        y: DataLike | None = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Callback | Iterable[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Iterable[Any] | None = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: DataLike | None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        seed: int | None = None,
        *,
        checkpoint: str | os.PathLike[str] | None = None,
        every: str | int = "60s",
        resume: bool = False,
    ) -> History:
        """Train the model: `epochs` passes over the data in batches, one step for each batch.

        Ctrl-C stops within a moment and keeps the weights of the last completed step.

        Args:
            x: inputs: array (rows, ...), list or dictionary of arrays for several inputs, or
                iterable of batches (x, y) or (x, y, sample_weight).
            y: targets: array (rows, ...), or list or dict of arrays for several outputs; None if
                `x` gives batches with targets.
            batch_size: rows of one batch; None is 32.
            epochs: number of passes over the data; the last one, if `initial_epoch` is given.
            verbose: 0 prints nothing, 1 or "auto" a live line (in a terminal or notebook), 2 one
                line for each epoch.
            callbacks: a Callback, or several.
            validation_split: fraction of the rows held out and evaluated after each epoch; of class
                labels each class has its share.
            validation_data: (x, y) or (x, y, sample_weight), or iterable of batches, evaluated
                after each epoch.
            shuffle: use another order of rows in each epoch.
            class_weight: dictionary from class to weight; None weights all alike.
            sample_weight: weight of each row, array (rows,); None weights all alike.
            initial_epoch: number of the first epoch, to continue an earlier `fit`.
            steps_per_epoch: batches of an epoch; None takes all.
            validation_steps: batches of a validation; None takes all.
            validation_batch_size: rows of a batch of validation; None is `batch_size`.
            validation_freq: number of epochs between validations, or a list of epochs.
            seed: integer that fixes the order of rows and random layers: the same seed gives the
                same bits on any number of threads. None draws one from the state of
                `lamina.random`.
            checkpoint: folder in which the state of training is kept, so that a training that was
                interrupted, killed or lost its machine can continue; None keeps none.
            every: interval of the states: "60s", "5m", "2h", "epoch", or a number of steps. Ctrl-C
                and SIGTERM write one too.
            resume: continue the training in the folder, if it holds one: the result has the bits of
                a training that was never interrupted. A complete one returns at once.

        Returns:
            A History with the metrics of each epoch.

        Raises:
            DataError, ShapeError, RangeError: before anything is computed, if data, model and loss
                do not match.
            StateError: if model, data or arguments are not those of the training to continue.

        Example:
            >>> import numpy as np
            >>> import lamina as lm
            >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
            >>> model.compile("sgd", "mse")
            >>> x, y = np.zeros((8, 2), "float32"), np.zeros((8, 1), "float32")
            >>> model.fit(x, y, epochs=2, verbose=0).history["loss"]
            [0.0, 0.0]
        """
        session = self._need_session("fit")
        need_data("fit", x)
        options = FitOptions(
            batch_size=batch_size,
            epochs=epochs,
            verbose=checked_verbose("fit", verbose),
            validation_split=validation_split,
            validation_data=self._prepared_pair(validation_data),
            shuffle=shuffle,
            class_weight=class_weight,
            sample_weight=sample_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
            seed=seed,
            checkpoint=checkpoint,
            every=every,
            resume=resume,
        ).checked()
        history = History()
        listeners = CallbackList(callbacks, model=self._model, last=history)
        with on_its_engine(self):
            session.fit(self._trainee, self._prepared(x), y, options, listeners)
        self.history = history
        return history

    @overload
    def evaluate(
        self,
        x: DataLike | None = ...,
        y: DataLike | None = ...,
        batch_size: int | None = ...,
        verbose: str | int = ...,
        sample_weight: DataLike | None = ...,
        steps: int | None = ...,
        callbacks: Callback | Iterable[Callback] | None = ...,
        *,
        return_dict: Literal[True],
    ) -> dict[str, float]: ...
    @overload
    def evaluate(
        self,
        x: DataLike | None = ...,
        y: DataLike | None = ...,
        batch_size: int | None = ...,
        verbose: str | int = ...,
        sample_weight: DataLike | None = ...,
        steps: int | None = ...,
        callbacks: Callback | Iterable[Callback] | None = ...,
        return_dict: bool = ...,
    ) -> Scores: ...
    @named_arguments
    def evaluate(
        self,
        x: DataLike | None = None,
        y: DataLike | None = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: DataLike | None = None,
        steps: int | None = None,
        callbacks: Callback | Iterable[Callback] | None = None,
        return_dict: bool = False,
    ) -> Scores:
        """Return the loss and metrics on data.

        Args:
            x: inputs: array (rows, ...), list or dict of arrays for several inputs, or iterable of
                batches.
            y: targets: array (rows, ...), or list or dict of arrays for several outputs; None if
                `x` gives batches with targets.
            batch_size: rows of one batch; None is 32.
            verbose: 0 prints nothing, 1 or "auto" a live line, 2 one line for each epoch.
            sample_weight: weight of each row, array (rows,); None weights all alike.
            steps: number of batches; None takes all.
            callbacks: a Callback, or several.
            return_dict: return a dictionary by name instead of a list.

        Returns:
            A number if there is only the loss, else a list in the order of `metrics_names`; a
            dictionary with `return_dict`.

        Example:
            >>> import numpy as np
            >>> import lamina as lm
            >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
            >>> model.compile("sgd", "mse")
            >>> x, y = np.zeros((8, 2), "float32"), np.zeros((8, 1), "float32")
            >>> model.evaluate(x, y, verbose=0)
            0.0
        """
        session = self._need_session("evaluate")
        need_data("evaluate", x)
        with on_its_engine(self):
            logs = session.evaluate(
                self._trainee,
                self._prepared(x),
                y,
                CallbackList(callbacks, model=self._model),
                sample_weight=sample_weight,
                batch_size=count("evaluate", "batch_size", batch_size),
                steps=count("evaluate", "steps", steps),
                verbose=checked_verbose("evaluate", verbose),
            )
        return _returned(logs, return_dict)

    def predict(
        self,
        x: DataLike,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Callback | Iterable[Callback] | None = None,
    ) -> Prediction:
        """Return the outputs for data, as NumPy arrays.

        A few rows take microseconds, so calls in a loop are fine. A progress line appears after one
        second.

        Args:
            x: inputs: array (rows, ...), list or dict of arrays for several inputs, or iterable of
                batches.
            batch_size: rows of one batch; None is 32.
            verbose: 0 prints nothing, 1 or "auto" a live line.
            steps: number of batches; None takes all.
            callbacks: a Callback, or several.

        Example:
            >>> import numpy as np
            >>> import lamina as lm
            >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
            >>> model.predict(np.zeros((8, 2), "float32"), verbose=0).shape
            (8, 1)
        """
        need_data("predict", x)
        data, session = self._prepared(x), self._session
        plain = type(data) is np.ndarray and callbacks is None and steps is None and data.ndim
        if plain and _holds(batch_size, len(data)):
            with on_its_engine(self):
                quick = self._predictor.quick(graph_of(self), data)
            if quick is not None:
                return quick
        with on_its_engine(self):
            return predict(
                self._predictor,
                self._trainee,
                data,
                CallbackList(callbacks, model=self._model),
                batch_size=count("predict", "batch_size", batch_size),
                verbose=checked_verbose("predict", verbose),
                steps=count("predict", "steps", steps),
                each=1 if session is None else session.compilation.steps_per_execution,
            )

    # ---- one batch -----------------------------------------------------------------------------
    def train_on_batch(
        self,
        x: DataLike,
        y: DataLike | None = None,
        sample_weight: DataLike | None = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Scores:
        """Make one step on one batch, and return its loss and metrics as `evaluate` does.

        Args:
            x: inputs: array (rows, ...), list or dict of arrays for several inputs, or iterable of
                batches.
            y: targets: array (rows, ...), or list or dict of arrays for several outputs; None if
                `x` gives batches with targets.
            sample_weight: weight of each row, array (rows,); None weights all alike.
            class_weight: dictionary from class to weight; None weights all alike.
            return_dict: return a dictionary by name instead of a list.
        """
        session = self._need_session("train_on_batch")
        data = (self._prepared(x), y, sample_weight, class_weight)
        with on_its_engine(self):
            return _returned(session.on_batch(self._trainee, "train", *data), return_dict)

    def test_on_batch(
        self,
        x: DataLike,
        y: DataLike | None = None,
        sample_weight: DataLike | None = None,
        return_dict: bool = False,
    ) -> Scores:
        """Return the loss and metrics of one batch, as `evaluate` does.

        Args:
            x: inputs: array (rows, ...), list or dict of arrays for several inputs, or iterable of
                batches.
            y: targets: array (rows, ...), or list or dict of arrays for several outputs; None if
                `x` gives batches with targets.
            sample_weight: weight of each row, array (rows,); None weights all alike.
            return_dict: return a dictionary by name instead of a list.
        """
        session = self._need_session("test_on_batch")
        data = (self._prepared(x), y, sample_weight)
        with on_its_engine(self):
            return _returned(session.on_batch(self._trainee, "evaluate", *data), return_dict)

    def predict_on_batch(self, x: DataLike) -> Prediction:
        """Return the outputs for one batch, as NumPy arrays.

        Args:
            x: inputs: array (rows, ...), list or dict of arrays for several inputs, or iterable of
                batches.
        """
        return self.predict(x, verbose=0)

    def _prepared(self, data: Any) -> Any:
        """The inputs that the user gave, as the programs take them."""
        return data

    def _prepared_pair(self, data: Any) -> Any:
        """The same of validation data: (x, y, ...), or an iterable of batches."""
        if isinstance(data, (tuple, list)) and data and not isinstance(data[0], tuple):
            return (self._prepared(data[0]), *data[1:])
        return data if data is None else self._prepared(data)

    # ---- session and predictor -----------------------------------------------------------------
    @property
    def _model(self) -> Model:
        return cast("Model", self)

    @property
    def _trainee(self) -> Trainee:
        return Trainee(self._model)

    def _need_session(self, what: str) -> Session:
        if self._session is None:
            raise StateError(
                f"{label(self._model)}: {what} comes before compile",
                hint="call model.compile(optimizer='adam', loss=..., metrics=[...]) first",
            )
        return self._session

    @property
    def _predictor(self) -> Predictor:
        if self._own_predictor is None:
            with MAKING:
                if self._own_predictor is None:
                    self._own_predictor = Predictor()
        return self._own_predictor


def session_of(model: Fitting) -> Session | None:
    """Return the session of a model; None before `compile`."""
    return model._session


def on_its_engine(model: Fitting) -> AbstractContextManager[object]:
    """Within: programs are made for the engine that `compile` of the model was given, if it was."""
    session = model._session
    return AS_IT_IS if session is None else session.compilation.on_its_engine()


def predictor_of(model: Fitting) -> Predictor:
    """Return what a model predicts with."""
    return model._predictor


def _returned(logs: Logs, return_dict: bool) -> Scores:
    if return_dict:
        return logs
    values = list(logs.values())
    return values[0] if len(values) == 1 else values


def _holds(batch_size: Any, rows: int) -> bool:
    """Whether one batch holds these rows."""
    return batch_size is None or (type(batch_size) is int and rows <= batch_size <= MOST_ROWS)
